//! Products of many rows: weights are copied into a block that stays near while all rows are multiplied with it.
//!
//! A block is made of strips, and those of steps of `WIDE` vectors, which a [`Tile`] of rows reads one after the other.
//! Whichever axis the matrix is contiguous along, a result is the sum that [`few_rows`](super::few_rows) makes of the same
//! products in the same order: a row does not depend on how many there are.

#![allow(clippy::needless_range_loop, reason = "indices name the axes of a tile, over several arrays")]

use std::ops::Range;

use half::{bf16, f16};

use super::super::scratch::KernelScratch;
use super::super::source::Source;
use super::super::vector::{MAX_LANES, Vector};
use super::dense::Rows;
use super::{Input, Results};
use crate::linear::AnyMatrix;

/// Bytes of the strips that all rows meet before the next ones: with a tile of rows they stay in the nearest cache.
const NEAR: usize = 18 << 10;
/// Bytes of a block and of its sums, which stay in the second cache.
const BLOCK: usize = 256 << 10;
/// Steps between two looks ahead.
const TOGETHER: usize = 4;

/// How a matrix becomes strips, and tiles become results.
pub(super) trait Layout<V: Vector> {
    /// Values in a lane.
    const VALUES: usize = 1;
    /// The most steps of a strip: several strips and a tile's rows stay near, and sums are kept and taken up again seldom.
    const MOST_STEPS: usize;
    /// Inputs that a step takes.
    const INPUTS: usize;
    /// Outputs of a strip.
    fn outputs<const WIDE: usize>() -> usize;
    /// The rows and columns of the matrix in memory that hold these weights.
    fn memory(outputs: Range<usize>, inputs: Range<usize>) -> (Range<usize>, Range<usize>);
    /// Write a block's strips, `steps` long; zeros beyond the ends.
    unsafe fn pack<S: Source, const WIDE: usize>(
        matrix: Rows<S>,
        outputs: Range<usize>,
        inputs: Range<usize>,
        steps: usize,
        to: *mut f32,
    );
    /// A row of the input, as values of lanes.
    #[inline(always)]
    fn row(input: &Input, row: usize) -> *const f32 {
        input.row(row).as_ptr()
    }
    /// The values of a row that a step takes.
    unsafe fn values(from: *const f32) -> V;
    #[inline(always)]
    unsafe fn add_product(sum: V, weights: V, values: V) -> V {
        // SAFETY: the caller has the instruction set.
        unsafe { weights.mul_add(values, sum) }
    }
    /// The results of a row: [`outputs`](Self::outputs) of them.
    unsafe fn finish<const WIDE: usize>(sums: [V; WIDE], to: *mut f32);
}

/// A step is a vector of inputs, of each of `WIDE` outputs.
pub(super) struct AlongInputs;

impl<V: Vector> Layout<V> for AlongInputs {
    const MOST_STEPS: usize = 512 / V::LANES;
    const INPUTS: usize = V::LANES;

    #[inline(always)]
    fn outputs<const WIDE: usize>() -> usize {
        WIDE
    }

    #[inline(always)]
    fn memory(outputs: Range<usize>, inputs: Range<usize>) -> (Range<usize>, Range<usize>) {
        (outputs, inputs)
    }

    #[inline(always)]
    unsafe fn pack<S: Source, const WIDE: usize>(
        matrix: Rows<S>,
        outputs: Range<usize>,
        inputs: Range<usize>,
        steps: usize,
        to: *mut f32,
    ) {
        let whole = inputs.len() / V::LANES;
        for at in 0..outputs.len().next_multiple_of(WIDE) {
            // SAFETY: `to` has room for whole strips.
            unsafe {
                let to = to.add((at / WIDE * steps * WIDE + at % WIDE) * V::LANES);
                let place = |step: usize| to.add(step * WIDE * V::LANES);
                let mut done = 0;
                if at < outputs.len() {
                    let from = matrix.row(outputs.start + at).add(inputs.start);
                    while done < whole {
                        S::vector::<V>(from.add(done * V::LANES)).store(place(done));
                        done += 1;
                    }
                    let tail = inputs.len() - whole * V::LANES;
                    if tail > 0 {
                        S::tail::<V>(from.add(done * V::LANES), tail).store(place(done));
                        done += 1;
                    }
                }
                for step in done..steps {
                    V::splat(0.0).store(place(step));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn values(from: *const f32) -> V {
        // SAFETY: the caller vouches for a vector of values.
        unsafe { V::load(from) }
    }

    #[inline(always)]
    unsafe fn finish<const WIDE: usize>(sums: [V; WIDE], to: *mut f32) {
        // SAFETY: the caller vouches for room.
        unsafe {
            let mut four = [V::splat(0.0); 4];
            four[..WIDE].copy_from_slice(&sums);
            let four = V::sums(four[0], four[1], four[2], four[3]);
            std::ptr::copy_nonoverlapping(four.as_ptr(), to, WIDE);
        }
    }
}

/// A step is an input, of `WIDE` vectors of outputs.
pub(super) struct AlongOutputs;

impl<V: Vector> Layout<V> for AlongOutputs {
    const MOST_STEPS: usize = 64;
    const INPUTS: usize = 1;

    #[inline(always)]
    fn outputs<const WIDE: usize>() -> usize {
        WIDE * V::LANES
    }

    #[inline(always)]
    fn memory(outputs: Range<usize>, inputs: Range<usize>) -> (Range<usize>, Range<usize>) {
        (inputs, outputs)
    }

    #[inline(always)]
    unsafe fn pack<S: Source, const WIDE: usize>(
        matrix: Rows<S>,
        outputs: Range<usize>,
        inputs: Range<usize>,
        steps: usize,
        to: *mut f32,
    ) {
        let vectors = outputs.len().div_ceil(WIDE * V::LANES) * WIDE;
        for (step, input) in inputs.enumerate() {
            // SAFETY: `to` has room for whole strips.
            unsafe {
                let from = matrix.row(input).add(outputs.start);
                let place = |vector: usize| {
                    to.add((vector / WIDE * steps * WIDE + step * WIDE + vector % WIDE) * V::LANES)
                };
                let whole = outputs.len() / V::LANES;
                for vector in 0..whole {
                    S::vector::<V>(from.add(vector * V::LANES)).store(place(vector));
                }
                let tail = outputs.len() - whole * V::LANES;
                for vector in whole..vectors {
                    let last = vector == whole && tail > 0;
                    let last =
                        if last { S::tail::<V>(from.add(whole * V::LANES), tail) } else { V::splat(0.0) };
                    last.store(place(vector));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn values(from: *const f32) -> V {
        // SAFETY: the caller vouches for a value.
        unsafe { V::splat(*from) }
    }

    #[inline(always)]
    unsafe fn finish<const WIDE: usize>(sums: [V; WIDE], to: *mut f32) {
        for vector in 0..WIDE {
            // SAFETY: the caller vouches for room.
            unsafe { sums[vector].store(to.add(vector * V::LANES)) };
        }
    }
}

/// # Safety
/// The CPU has `V`'s instruction set, the matrix the outputs, and no other task writes their results.
#[inline(always)]
pub(super) unsafe fn multiply<V: Vector, L: Layout<V>, const WIDE: usize, const ROWS: usize>(
    matrix: &AnyMatrix,
    inputs: usize,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
    scratch: &mut KernelScratch,
) {
    let parts = inputs.div_ceil(L::MOST_STEPS * L::INPUTS);
    let deep = inputs.div_ceil(parts).next_multiple_of(L::INPUTS);
    let strip = deep / L::INPUTS * WIDE * V::LANES;
    let group = (NEAR / size_of::<f32>() / strip).max(1);
    let all = outputs.len().div_ceil(L::outputs::<WIDE>());
    // Sums that a strip keeps from part to part; of a single part nothing is kept, and all tiles share one place.
    let kept = if parts > 1 { input.rows() * WIDE * V::LANES } else { 0 };
    let blocks = all.div_ceil((BLOCK / size_of::<f32>() / (strip + kept)).max(1));
    let strips = all.div_ceil(blocks);
    let wide = strips * L::outputs::<WIDE>();
    let KernelScratch { weights, sums, .. } = scratch;
    let packed = weights.take(strips * strip).as_mut_ptr();
    let sums = sums.take((strips * kept).max(ROWS * WIDE * V::LANES)).as_mut_ptr();
    for start in outputs.clone().step_by(wide) {
        let block = start..(start + wide).min(outputs.end);
        for from in (0..inputs).step_by(deep) {
            let part = from..(from + deep).min(inputs);
            let steps = part.len().div_ceil(L::INPUTS);
            let strips = block.len().div_ceil(L::outputs::<WIDE>());
            // SAFETY: the matrix has the block, and a block of this size has its place.
            unsafe {
                let (block, part) = (block.clone(), part.clone());
                match matrix {
                    AnyMatrix::F32(rows) => {
                        L::pack::<f32, WIDE>(Rows::of(rows), block, part, steps, packed);
                    }
                    AnyMatrix::F16(rows) => {
                        L::pack::<f16, WIDE>(Rows::of(rows), block, part, steps, packed);
                    }
                    AnyMatrix::Bf16(rows) => {
                        L::pack::<bf16, WIDE>(Rows::of(rows), block, part, steps, packed);
                    }
                }
            }
            let next = if part.end < inputs {
                L::memory(block.clone(), part.end..(part.end + deep).min(inputs))
            } else {
                L::memory(block.end..(block.end + wide).min(outputs.end), 0..deep.min(inputs))
            };
            let calls = strips * input.rows().div_ceil(ROWS) * steps.div_ceil(TOGETHER);
            let mut ahead = Ahead::new(matrix, next, calls);
            for near in (0..strips).step_by(group) {
                let mut row = 0;
                while row < input.rows() {
                    let rows = rows_of_tile(input.rows() - row, ROWS);
                    for strip in near..(near + group).min(strips) {
                        let first = block.start + strip * L::outputs::<WIDE>();
                        let tile = Tile::<WIDE> {
                            weights: packed.wrapping_add(strip * steps * WIDE * V::LANES),
                            steps,
                            row,
                            inputs: part.clone(),
                            outputs: first..(first + L::outputs::<WIDE>()).min(block.end),
                            sums: sums.wrapping_add(strip * kept + kept.min(row * WIDE * V::LANES)),
                        };
                        // SAFETY: the strip is packed, and has sums for each row if there are several parts.
                        unsafe {
                            match rows {
                                1 => tile.multiply::<V, L, 1>(input, &mut ahead),
                                2 => tile.multiply::<V, L, 2>(input, &mut ahead),
                                3 => tile.multiply::<V, L, 3>(input, &mut ahead),
                                4 => tile.multiply::<V, L, 4>(input, &mut ahead),
                                _ => tile.multiply::<V, L, ROWS>(input, &mut ahead),
                            }
                            if part.end == inputs {
                                tile.finish::<V, L>(rows, results);
                            }
                        }
                    }
                    row += rows;
                }
            }
        }
    }
}

/// Rows of the next tile when so many are left: rather two tiles of four than a large one and a rest of one or two.
#[inline(always)]
fn rows_of_tile(left: usize, most: usize) -> usize {
    match left {
        left if left <= 4 => left,
        left if left >= 2 * most || left == most || most == 4 => most,
        left if left >= most + 3 => most,
        _ => 4,
    }
}

/// A strip with some rows.
struct Tile<const WIDE: usize> {
    weights: *const f32,
    steps: usize,
    /// The first one.
    row: usize,
    inputs: Range<usize>,
    outputs: Range<usize>,
    /// What each row has come to with the inputs before these.
    sums: *mut f32,
}

impl<const WIDE: usize> Tile<WIDE> {
    #[inline(always)]
    unsafe fn multiply<V: Vector, L: Layout<V>, const ROWS: usize>(&self, input: &Input, ahead: &mut Ahead) {
        // SAFETY: the caller vouches for the strip, the rows and the sums.
        unsafe {
            let mut x = [L::row(input, self.row); ROWS];
            let mut sums = [[V::splat(0.0); WIDE]; ROWS];
            for row in 0..ROWS {
                x[row] = L::row(input, self.row + row).add(self.inputs.start / L::VALUES);
                for vector in 0..WIDE {
                    if self.inputs.start > 0 {
                        sums[row][vector] = V::load(self.place::<V>(row, vector));
                    }
                }
            }
            let mut from = self.weights;
            let mut step = 0;
            while step < self.steps {
                ahead.advance::<V>();
                let until = (step + TOGETHER).min(self.steps);
                while step < until {
                    let mut weights = [V::splat(0.0); WIDE];
                    for vector in 0..WIDE {
                        weights[vector] = V::load(from.add(vector * V::LANES));
                    }
                    for row in 0..ROWS {
                        let values = L::values(x[row].add(step * (L::INPUTS / L::VALUES)));
                        for vector in 0..WIDE {
                            sums[row][vector] = L::add_product(sums[row][vector], weights[vector], values);
                        }
                    }
                    from = from.add(WIDE * V::LANES);
                    step += 1;
                }
            }
            for row in 0..ROWS {
                for vector in 0..WIDE {
                    sums[row][vector].store(self.place::<V>(row, vector));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn finish<V: Vector, L: Layout<V>>(&self, rows: usize, results: &Results) {
        for row in 0..rows {
            // SAFETY: the caller vouches for the sums and for the results.
            unsafe {
                let mut sums = [V::splat(0.0); WIDE];
                for vector in 0..WIDE {
                    sums[vector] = V::load(self.place::<V>(row, vector));
                }
                let to = results.at(self.row + row, self.outputs.start);
                if self.outputs.len() == L::outputs::<WIDE>() {
                    results.at(self.row + row, self.outputs.end - 1);
                    L::finish(sums, to);
                } else {
                    let mut whole = [0.0; 4 * MAX_LANES];
                    L::finish(sums, whole.as_mut_ptr());
                    for (output, result) in self.outputs.clone().zip(whole) {
                        *results.at(self.row + row, output) = result;
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn place<V: Vector>(&self, row: usize, vector: usize) -> *mut f32 {
        self.sums.wrapping_add((row * WIDE + vector) * V::LANES)
    }
}

/// The weights that come next, asked for while those at hand are multiplied with: memory and arithmetic work together.
struct Ahead {
    /// The next line of the first row that is left.
    at: *const u8,
    left: usize,
    rows: usize,
    /// Lines of a row.
    lines: usize,
    /// Bytes from the end of a row to the next one.
    skip: isize,
    /// Lines at a time.
    share: usize,
}

impl Ahead {
    fn new(matrix: &AnyMatrix, (rows, columns): (Range<usize>, Range<usize>), times: usize) -> Self {
        let (start, stride) = matrix.place();
        let size = matrix.element_size();
        let lines = (columns.len() * size).div_ceil(LINE);
        Self {
            at: start.wrapping_offset(rows.start as isize * stride).wrapping_add(columns.start * size),
            left: lines,
            rows: rows.len(),
            lines,
            skip: stride - (lines * LINE) as isize,
            share: (rows.len() * lines).div_ceil(times),
        }
    }

    #[inline(always)]
    unsafe fn advance<V: Vector>(&mut self) {
        for _ in 0..self.share {
            if self.rows == 0 {
                return;
            }
            // SAFETY: prefetching any address is harmless.
            unsafe { V::prefetch(self.at) };
            self.at = self.at.wrapping_add(LINE);
            self.left -= 1;
            if self.left == 0 {
                (self.left, self.rows) = (self.lines, self.rows - 1);
                self.at = self.at.wrapping_offset(self.skip);
            }
        }
    }
}

/// Bytes of a line of the caches.
const LINE: usize = 64;
