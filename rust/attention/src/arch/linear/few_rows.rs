//! Products of a few rows: the weights go through the registers once, as they come from memory.

#![allow(clippy::needless_range_loop, reason = "indices name the axes of a tile, over several arrays")]

use std::ops::Range;

use super::super::dots::Widened;
use super::super::scratch::KernelScratch;
use super::super::source::Source;
use super::super::vector::Vector;
use super::dense::Rows;
use super::{Input, Results, TILE, one_row};
use crate::linear::Order;

/// Values of weights that meet all rows of the input before the next ones are read: they stay in the nearest cache.
pub(super) const NEAR: usize = 1 << 12;

/// # Safety
/// The CPU has `V`'s instruction set, `matrix` the inputs and outputs, and no other task writes their results.
#[inline(always)]
pub(super) unsafe fn multiply<V: Vector, S: Source>(
    matrix: Rows<S>,
    order: Order,
    inputs: usize,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
    scratch: &mut KernelScratch,
) {
    // SAFETY: as the caller's.
    unsafe {
        match order {
            Order::Inputs if input.rows() == 1 => {
                one_row::multiply::<V, Widened<S>>(matrix, inputs, outputs, input.row(0).as_ptr(), results);
            }
            Order::Inputs => along_inputs::<V, S>(matrix, inputs, outputs, input, results),
            Order::Outputs => along_outputs::<V, S>(matrix, inputs, outputs, input, results, scratch),
        }
    }
}

#[inline(always)]
unsafe fn along_inputs<V: Vector, S: Source>(
    matrix: Rows<S>,
    inputs: usize,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
) {
    let near = (NEAR / inputs).max(1).next_multiple_of(4);
    for start in outputs.clone().step_by(near) {
        let block = start..(start + near).min(outputs.end);
        for from in (0..input.rows()).step_by(TILE) {
            // SAFETY: as the caller's.
            unsafe {
                match input.rows() - from {
                    1 => dots::<V, S, 4, 1>(matrix, inputs, block.clone(), input, from, results),
                    2 => dots::<V, S, 4, 2>(matrix, inputs, block.clone(), input, from, results),
                    3 => dots::<V, S, 2, 3>(matrix, inputs, block.clone(), input, from, results),
                    _ => dots::<V, S, 2, TILE>(matrix, inputs, block.clone(), input, from, results),
                }
            }
        }
    }
}

/// Rows of weights, `OUT` at a time, with `ROWS` rows of the input.
#[inline(always)]
unsafe fn dots<V: Vector, S: Source, const OUT: usize, const ROWS: usize>(
    matrix: Rows<S>,
    inputs: usize,
    outputs: Range<usize>,
    input: &Input,
    from: usize,
    results: &Results,
) {
    let (whole, tail) = (inputs - inputs % V::LANES, inputs % V::LANES);
    for first in outputs.clone().step_by(OUT) {
        // SAFETY: rows of weights are read up to `inputs`, and those of the input are padded to whole vectors. After the
        // last output it is read again.
        unsafe {
            let mut weights = [matrix.row(first); OUT];
            let mut x = [input.row(from).as_ptr(); ROWS];
            for out in 0..OUT {
                weights[out] = matrix.row((first + out).min(outputs.end - 1));
            }
            for row in 0..ROWS {
                x[row] = input.row(from + row).as_ptr();
            }
            let mut sums = [[V::splat(0.0); ROWS]; OUT];
            // Several rows at once are more streams, each too short, than the hardware foresees.
            let ahead = matrix.stride() * OUT as isize;
            let mut at = 0;
            while at < whole {
                for out in 0..OUT {
                    V::prefetch_near(weights[out].wrapping_offset(ahead + at as isize).cast());
                    let weights: V = S::vector(weights[out].add(at));
                    for row in 0..ROWS {
                        sums[out][row] = weights.mul_add(V::load(x[row].add(at)), sums[out][row]);
                    }
                }
                at += V::LANES;
            }
            if tail > 0 {
                for out in 0..OUT {
                    let weights: V = S::tail(weights[out].add(at), tail);
                    for row in 0..ROWS {
                        sums[out][row] = weights.mul_add(V::load(x[row].add(at)), sums[out][row]);
                    }
                }
            }
            for row in 0..ROWS {
                // Four sums at once, always in the same way: a row does not depend on those beside it.
                let mut four = [V::splat(0.0); 4];
                for out in 0..OUT {
                    four[out] = sums[out][row];
                }
                let four = V::sums(four[0], four[1], four[2], four[3]);
                for (output, sum) in (first..outputs.end).zip(&four[..OUT]) {
                    *results.at(from + row, output) = *sum;
                }
            }
        }
    }
}

/// Inputs whose weights are added to the sums together, which are loaded and stored once for all of them.
const STEP: usize = 4;
/// Outputs whose sums are kept together, at least: long enough rows of weights for the hardware to foresee.
const COLUMNS: usize = 512;

#[inline(always)]
unsafe fn along_outputs<V: Vector, S: Source>(
    matrix: Rows<S>,
    inputs: usize,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
    scratch: &mut KernelScratch,
) {
    let most = if input.rows() <= 2 { NEAR } else { COLUMNS };
    let size = outputs.len().div_ceil(outputs.len().div_ceil(most)).next_multiple_of(2 * V::LANES);
    // Rows of results may lie so that they push each other out of the caches: sums have a place of their own.
    let stride = size + 16;
    let sums = scratch.sums.take(input.rows() * stride);
    for start in outputs.clone().step_by(size) {
        let block = start..(start + size).min(outputs.end);
        sums.fill(0.0);
        let add = Add { matrix, outputs: block.clone(), input, sums: sums.as_mut_ptr(), stride };
        let fours = inputs - inputs % STEP;
        for from in (0..fours).step_by(STEP) {
            // SAFETY: as the caller's.
            unsafe { add.rows::<V, STEP>(from) };
        }
        for from in fours..inputs {
            // SAFETY: as the caller's.
            unsafe { (0..input.rows()).for_each(|row| _ = add.tile::<V, 1, 1>(from, row)) };
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
struct Add<'a, S> {
    matrix: Rows<S>,
    outputs: Range<usize>,
    input: &'a Input,
    /// Of each row of the input `stride` sums: those of the outputs, and room for a whole vector.
    sums: *mut f32,
    stride: usize,
}

impl<S: Source> Add<'_, S> {
    /// Add the products of all rows with `N` inputs.
    #[inline(always)]
    unsafe fn rows<V: Vector, const N: usize>(&self, at: usize) {
        let mut from = 0;
        while from < self.input.rows() {
            // SAFETY: as the caller's.
            unsafe {
                from += match self.input.rows() - from {
                    1 => self.tile::<V, N, 1>(at, from),
                    2 | 3 => self.tile::<V, N, 2>(at, from),
                    4..8 => self.tile::<V, N, 4>(at, from),
                    _ => self.tile::<V, N, 8>(at, from),
                };
            }
        }
    }

    /// Returns `ROWS`.
    #[inline(always)]
    unsafe fn tile<V: Vector, const N: usize, const ROWS: usize>(&self, at: usize, from: usize) -> usize {
        // SAFETY: rows of weights are read up to the end of the outputs, and there are sums for whole vectors of them.
        unsafe {
            let mut weights = [self.matrix.row(at); N];
            let mut factors = [[V::splat(0.0); N]; ROWS];
            let mut sums = [self.sums; ROWS];
            for step in 0..N {
                weights[step] = self.matrix.row(at + step).add(self.outputs.start);
            }
            for row in 0..ROWS {
                let x = self.input.row(from + row);
                sums[row] = self.sums.add((from + row) * self.stride);
                for step in 0..N {
                    factors[row][step] = V::splat(x[at + step]);
                }
            }
            // The rows that come next begin in other pages, where the hardware does not look ahead.
            let ahead = self.matrix.stride() * N as isize;
            let mut column = 0;
            while column + 2 * V::LANES <= self.outputs.len() {
                let mut read = [[V::splat(0.0); 2]; N];
                for step in 0..N {
                    let place = weights[step].add(column);
                    V::prefetch_near(place.wrapping_offset(ahead).cast());
                    read[step] = [S::vector(place), S::vector(place.add(V::LANES))];
                }
                add_products::<V, N, ROWS, 2>(&read, &factors, &sums, column);
                column += 2 * V::LANES;
            }
            while column < self.outputs.len() {
                let lanes = (self.outputs.len() - column).min(V::LANES);
                let mut read = [[V::splat(0.0); 1]; N];
                for step in 0..N {
                    let place = weights[step].add(column);
                    read[step] = [if lanes == V::LANES { S::vector(place) } else { S::tail(place, lanes) }];
                }
                add_products::<V, N, ROWS, 1>(&read, &factors, &sums, column);
                column += V::LANES;
            }
        }
        ROWS
    }
}

/// Add to `C` vectors of the sums: a factor is loaded once for all of them.
#[inline(always)]
unsafe fn add_products<V: Vector, const N: usize, const ROWS: usize, const C: usize>(
    weights: &[[V; C]; N],
    factors: &[[V; N]; ROWS],
    sums: &[*mut f32; ROWS],
    column: usize,
) {
    // SAFETY: the caller vouches for the instruction set, and for so many sums from `column` on.
    unsafe {
        for row in 0..ROWS {
            let mut sum = [V::splat(0.0); C];
            for c in 0..C {
                sum[c] = V::load(sums[row].add(column + c * V::LANES));
            }
            for step in 0..N {
                for c in 0..C {
                    sum[c] = weights[step][c].mul_add(factors[row][step], sum[c]);
                }
            }
            for c in 0..C {
                sum[c].store(sums[row].add(column + c * V::LANES));
            }
        }
    }
}
