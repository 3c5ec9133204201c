//! Products of bfloat16 with instructions for pairs of them: two inputs a lane, those of the input rounded.
//!
//! As [`few_rows`](super::few_rows) and [`many_rows`](super::many_rows) have it, but with rows of inputs side by side as they
//! come from memory, however many there are: they are as dense as copies would be.

#![allow(clippy::needless_range_loop, reason = "indices name the axes of a tile, over several arrays")]

use std::ops::Range;

use half::bf16;
use ndarray::ArrayView2;

use super::super::dots::Bf16Dots;
use super::super::scratch::KernelScratch;
use super::super::source::Source;
use super::super::vector::Bf16Pairs;
use super::dense::Rows;
use super::many_rows::{self, Layout};
use super::{Input, Results, TILE, one_row};
use crate::linear::{AnyMatrix, Order};

/// Rows beyond which copying weights that are contiguous along the outputs pays.
const FEW: usize = 24;
/// Values of weights that meet all rows of the input before the next ones are read: they stay in the nearest cache.
const NEAR: usize = 1 << 13;

/// # Safety
/// The CPU has `V`'s instruction set, `matrix` the outputs, and no other task writes their results.
#[inline(always)]
pub(super) unsafe fn multiply<V: Bf16Pairs>(
    matrix: &ArrayView2<bf16>,
    order: Order,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
    scratch: &mut KernelScratch,
) {
    let rows = Rows::of(matrix);
    // SAFETY: as the caller's.
    unsafe {
        match order {
            Order::Inputs if input.rows() == 1 => {
                let x = input.pairs(0);
                one_row::multiply::<V, Bf16Dots>(rows, matrix.ncols(), outputs, x, results);
            }
            Order::Inputs => along_inputs::<V>(rows, matrix.ncols(), outputs, input, results),
            Order::Outputs if input.rows() <= FEW => {
                along_outputs::<V>(rows, matrix.nrows(), outputs, input, results, scratch);
            }
            Order::Outputs => {
                let matrix = AnyMatrix::Bf16(matrix.view());
                let inputs = matrix.dim().0;
                many_rows::multiply::<V, AlongOutputs, 4, 6>(
                    &matrix, inputs, outputs, input, results, scratch,
                );
            }
        }
    }
}

#[inline(always)]
unsafe fn along_inputs<V: Bf16Pairs>(
    matrix: Rows<bf16>,
    inputs: usize,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
) {
    const WIDE: usize = 6;
    let near = (NEAR / inputs).max(1).next_multiple_of(WIDE);
    let tiles = input.rows().div_ceil(TILE);
    for start in outputs.clone().step_by(near) {
        let block = start..(start + near).min(outputs.end);
        for (tile, from) in (0..input.rows()).step_by(TILE).enumerate() {
            let ahead = Ahead { values: near as isize * matrix.stride(), turn: tile, turns: tiles };
            // SAFETY: as the caller's.
            unsafe {
                match input.rows() - from {
                    1 => dots::<V, 4, 1>(matrix, inputs, block.clone(), input, from, results, ahead),
                    2 => dots::<V, 4, 2>(matrix, inputs, block.clone(), input, from, results, ahead),
                    3 => dots::<V, 4, 3>(matrix, inputs, block.clone(), input, from, results, ahead),
                    _ => dots::<V, WIDE, TILE>(matrix, inputs, block.clone(), input, from, results, ahead),
                }
            }
        }
    }
}

/// What is asked for before it is needed: `values` on, by each of the tiles in turn.
#[derive(Clone, Copy)]
struct Ahead {
    values: isize,
    turn: usize,
    turns: usize,
}

/// Rows of weights, `OUT` at a time, with `ROWS` rows of the input.
#[inline(always)]
unsafe fn dots<V: Bf16Pairs, const OUT: usize, const ROWS: usize>(
    matrix: Rows<bf16>,
    inputs: usize,
    outputs: Range<usize>,
    input: &Input,
    from: usize,
    results: &Results,
    ahead: Ahead,
) {
    let step = 2 * V::LANES;
    let (whole, tail) = (inputs - inputs % step, inputs % step);
    for first in outputs.clone().step_by(OUT) {
        // SAFETY: rows of weights are read up to `inputs`, and those of the input are padded to whole vectors. After the
        // last output it is read again.
        unsafe {
            let mut weights = [matrix.row(first); OUT];
            let mut x = [input.pairs(from); ROWS];
            for out in 0..OUT {
                weights[out] = matrix.row((first + out).min(outputs.end - 1));
            }
            for row in 0..ROWS {
                x[row] = input.pairs(from + row);
            }
            let mut sums = [[V::splat(0.0); ROWS]; OUT];
            let (mut at, mut turn) = (0, ahead.turn);
            while at < whole {
                if turn == 0 {
                    for out in 0..OUT {
                        V::prefetch_near(weights[out].wrapping_offset(ahead.values + at as isize).cast());
                    }
                    turn = ahead.turns;
                }
                turn -= 1;
                let mut values = [V::splat(0.0); ROWS];
                for row in 0..ROWS {
                    values[row] = V::load(x[row].add(at / 2));
                }
                for out in 0..OUT {
                    let weights = V::load(weights[out].add(at).cast());
                    for row in 0..ROWS {
                        sums[out][row] = sums[out][row].add_bf16_products(weights, values[row]);
                    }
                }
                at += step;
            }
            if tail > 0 {
                for out in 0..OUT {
                    let weights = V::load_pairs_partial(weights[out].add(at).cast(), tail);
                    for row in 0..ROWS {
                        sums[out][row] =
                            sums[out][row].add_bf16_products(weights, V::load(x[row].add(at / 2)));
                    }
                }
            }
            for row in 0..ROWS {
                for group in (0..OUT).step_by(4) {
                    // Four sums at once, always in the same way: a row does not depend on those beside it.
                    let mut four = [V::splat(0.0); 4];
                    for out in group..OUT.min(group + 4) {
                        four[out - group] = sums[out][row];
                    }
                    let four = V::sums(four[0], four[1], four[2], four[3]);
                    for (output, sum) in (first + group..outputs.end.min(first + OUT)).zip(four) {
                        *results.at(from + row, output) = sum;
                    }
                }
            }
        }
    }
}

/// Pairs of inputs whose weights are added to the sums together, which are loaded and stored once for all of them.
const STEP: usize = 4;
/// Outputs whose sums are kept together, at least: long enough rows of weights for the hardware to foresee.
const COLUMNS: usize = 512;

#[inline(always)]
unsafe fn along_outputs<V: Bf16Pairs>(
    matrix: Rows<bf16>,
    inputs: usize,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
    scratch: &mut KernelScratch,
) {
    let most = if input.rows() <= 2 { NEAR / 2 } else { COLUMNS };
    let size = outputs.len().div_ceil(outputs.len().div_ceil(most)).next_multiple_of(2 * V::LANES);
    let stride = size + 16;
    let sums = scratch.sums.take(input.rows() * stride);
    for start in outputs.clone().step_by(size) {
        let block = start..(start + size).min(outputs.end);
        sums.fill(0.0);
        let add = Add { matrix, inputs, outputs: block.clone(), input, sums: sums.as_mut_ptr(), stride };
        for from in (0..inputs).step_by(2 * STEP) {
            // SAFETY: as the caller's; the sums have room for whole pairs of vectors.
            unsafe {
                let mut column = 0;
                while column + 4 * V::LANES <= block.len() {
                    add.columns::<V, 4>(from, column);
                    column += 4 * V::LANES;
                }
                while column < block.len() {
                    add.columns::<V, 2>(from, column);
                    column += 2 * V::LANES;
                }
            }
        }
        for (row, sums) in sums.chunks_exact(stride).enumerate() {
            for (output, sum) in block.clone().zip(sums) {
                // SAFETY: `at` is inside, and the caller vouches that it is ours.
                unsafe { *results.at(row, output) = *sum };
            }
        }
    }
}

/// The sums of a block of outputs.
struct Add<'a> {
    matrix: Rows<bf16>,
    inputs: usize,
    outputs: Range<usize>,
    input: &'a Input,
    /// Of each row of the input `stride` sums.
    sums: *mut f32,
    stride: usize,
}

impl Add<'_> {
    /// Add the products of all rows with the inputs from `at` on, for `C` vectors of outputs.
    #[inline(always)]
    unsafe fn columns<V: Bf16Pairs, const C: usize>(&self, at: usize, column: usize) {
        // SAFETY: what is beyond the inputs or the outputs is not read, and there are sums for whole pairs of vectors.
        unsafe {
            let ahead = 2 * STEP as isize * self.matrix.stride();
            let mut weights = [[V::splat(0.0); C]; STEP];
            for step in 0..STEP {
                for c in (0..C).step_by(2) {
                    let column = column + c * V::LANES;
                    let left = self.outputs.len() - column;
                    let row = at + 2 * step;
                    for half in 0..2 {
                        let place = self.matrix.row(row + half).wrapping_add(self.outputs.start + column);
                        V::prefetch_near(place.wrapping_offset(ahead).cast());
                    }
                    let rows = row..self.inputs;
                    let two = two_rows::<V, bf16>(self.matrix, rows, self.outputs.start + column, left);
                    [weights[step][c], weights[step][c + 1]] = two[0].interleave(two[1]);
                }
            }
            for row in 0..self.input.rows() {
                let x = self.input.pairs(row).add(at / 2);
                let to = self.sums.add(row * self.stride + column);
                let mut sums = [V::splat(0.0); C];
                for c in 0..C {
                    sums[c] = V::load(to.add(c * V::LANES));
                }
                for step in 0..STEP {
                    let x = V::splat(*x.add(step));
                    for c in 0..C {
                        sums[c] = sums[c].add_bf16_products(weights[step][c], x);
                    }
                }
                for c in 0..C {
                    sums[c].store(to.add(c * V::LANES));
                }
            }
        }
    }
}

/// Two vectors' worth of the first two of `rows` from `column` on, of which `left` are there; zeros beyond.
#[inline(always)]
unsafe fn two_rows<V: Bf16Pairs, S: Source>(
    matrix: Rows<S>,
    rows: Range<usize>,
    column: usize,
    left: usize,
) -> [V; 2] {
    // SAFETY: the caller has the instruction set.
    let mut two = [unsafe { V::splat(0.0) }; 2];
    for (row, two) in rows.zip(&mut two) {
        let place = matrix.row(row).wrapping_add(column);
        // SAFETY: the caller has the instruction set; what is beyond the ends is not read.
        *two = unsafe {
            if left >= 2 * V::LANES {
                V::load(place.cast())
            } else {
                V::load_pairs_partial(place.cast(), left)
            }
        };
    }
    two
}

/// A step is a pair of inputs, of `WIDE` vectors of outputs.
struct AlongOutputs;

impl<V: Bf16Pairs> Layout<V> for AlongOutputs {
    const VALUES: usize = 2;
    const MOST_STEPS: usize = 64;
    const INPUTS: usize = 2;

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
        assert!(size_of::<S>() == 2 && WIDE.is_multiple_of(2));
        let columns = outputs.len().next_multiple_of(WIDE * V::LANES);
        for step in 0..steps {
            for column in (0..columns).step_by(2 * V::LANES) {
                // SAFETY: `to` has room for whole strips, and what is beyond the ends is not read.
                unsafe {
                    let left = outputs.len().saturating_sub(column);
                    let rows = inputs.start + 2 * step..inputs.end;
                    let two = two_rows::<V, S>(matrix, rows, outputs.start + column, left);
                    let vector = column / V::LANES;
                    let to = to.add((vector / WIDE * steps * WIDE + step * WIDE + vector % WIDE) * V::LANES);
                    let [low, high] = two[0].interleave(two[1]);
                    low.store(to);
                    high.store(to.add(V::LANES));
                }
            }
        }
    }

    #[inline(always)]
    fn row(input: &Input, row: usize) -> *const f32 {
        input.pairs(row)
    }

    #[inline(always)]
    unsafe fn values(from: *const f32) -> V {
        // SAFETY: the caller vouches for a pair of values.
        unsafe { V::splat(*from) }
    }

    #[inline(always)]
    unsafe fn add_product(sum: V, weights: V, values: V) -> V {
        // SAFETY: the caller has the instruction set.
        unsafe { sum.add_bf16_products(weights, values) }
    }

    #[inline(always)]
    unsafe fn finish<const WIDE: usize>(sums: [V; WIDE], to: *mut f32) {
        for vector in 0..WIDE {
            // SAFETY: the caller vouches for room.
            unsafe { sums[vector].store(to.add(vector * V::LANES)) };
        }
    }
}
