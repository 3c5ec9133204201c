//! Products with a matrix in the caller's memory, contiguous along either axis.

#![allow(clippy::needless_range_loop, reason = "indices name the axes of a tile, over several arrays")]

use std::ops::Range;

use ndarray::ArrayView2;

use super::super::source::Source;
use super::super::vector::Vector;
use super::{Input, Results, TILE};
use crate::linear::Order;

/// # Safety
/// The CPU has `V`'s instruction set, `matrix` the outputs, and no other task writes their results.
#[inline(always)]
pub(super) unsafe fn multiply<V: Vector, S: Source>(
    matrix: &ArrayView2<S>,
    order: Order,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
) {
    let rows = Rows::of(matrix);
    // SAFETY: as the caller's.
    unsafe {
        match order {
            Order::Inputs => along_inputs::<V, S>(rows, matrix.ncols(), outputs, input, results),
            Order::Outputs => along_outputs::<V, S>(rows, matrix.nrows(), outputs, input, results),
        }
    }
}

/// Values of weights that meet all rows of the input before the next ones are read: they stay in the nearest cache.
const NEAR: usize = 1 << 12;

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

/// Inputs whose weights are added to the results together, which are loaded and stored once for all of them.
const STEP: usize = 4;

#[inline(always)]
unsafe fn along_outputs<V: Vector, S: Source>(
    matrix: Rows<S>,
    inputs: usize,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
) {
    // The results of a block stay near, and its rows are long enough to be foreseen.
    let size = NEAR;
    for start in outputs.clone().step_by(size) {
        let block = start..(start + size).min(outputs.end);
        for row in 0..input.rows() {
            for output in block.clone() {
                // SAFETY: `at` is inside, and the caller vouches that it is ours.
                unsafe { *results.at(row, output) = 0.0 };
            }
        }
        let fours = inputs - inputs % STEP;
        for from in (0..fours).step_by(STEP) {
            // SAFETY: as the caller's.
            unsafe { add_rows::<V, S, STEP>(matrix, from, block.clone(), input, results) };
        }
        for from in fours..inputs {
            // SAFETY: as the caller's.
            unsafe { add_rows::<V, S, 1>(matrix, from, block.clone(), input, results) };
        }
    }
}

/// Add the products with `N` inputs to the results of a block.
#[inline(always)]
unsafe fn add_rows<V: Vector, S: Source, const N: usize>(
    matrix: Rows<S>,
    at: usize,
    block: Range<usize>,
    input: &Input,
    results: &Results,
) {
    let mut from = 0;
    while from < input.rows() {
        // SAFETY: as the caller's.
        unsafe {
            from += match input.rows() - from {
                1 => add::<V, S, N, 1>(matrix, at, block.clone(), input, from, results),
                2 | 3 => add::<V, S, N, 2>(matrix, at, block.clone(), input, from, results),
                4..8 => add::<V, S, N, 4>(matrix, at, block.clone(), input, from, results),
                _ => add::<V, S, N, 8>(matrix, at, block.clone(), input, from, results),
            };
        }
    }
}

/// Returns `ROWS`.
#[inline(always)]
unsafe fn add<V: Vector, S: Source, const N: usize, const ROWS: usize>(
    matrix: Rows<S>,
    at: usize,
    outputs: Range<usize>,
    input: &Input,
    from: usize,
    results: &Results,
) -> usize {
    // SAFETY: rows of weights are read, and results written, up to the end of `outputs`.
    unsafe {
        let mut weights = [matrix.row(at); N];
        let mut factors = [[V::splat(0.0); N]; ROWS];
        let mut out = [results.at(from, outputs.start); ROWS];
        for step in 0..N {
            weights[step] = matrix.row(at + step).add(outputs.start);
        }
        for row in 0..ROWS {
            let x = input.row(from + row);
            out[row] = results.at(from + row, outputs.start);
            for step in 0..N {
                factors[row][step] = V::splat(x[at + step]);
            }
        }
        // The rows that come next begin in other pages, where the hardware does not look ahead.
        let ahead = matrix.stride() * N as isize;
        let mut column = 0;
        while column + 2 * V::LANES <= outputs.len() {
            columns::<V, S, N, ROWS, 2>(&weights, ahead, &factors, &out, column);
            column += 2 * V::LANES;
        }
        while column + V::LANES <= outputs.len() {
            columns::<V, S, N, ROWS, 1>(&weights, ahead, &factors, &out, column);
            column += V::LANES;
        }
        for column in column..outputs.len() {
            for step in 0..N {
                let weight = S::tail::<V>(weights[step].add(column), 1).sum();
                for row in 0..ROWS {
                    *out[row].add(column) += weight * input.row(from + row)[at + step];
                }
            }
        }
    }
    ROWS
}

/// Add to `C` vectors of the results: a factor is loaded once for all of them.
#[inline(always)]
unsafe fn columns<V: Vector, S: Source, const N: usize, const ROWS: usize, const C: usize>(
    weights: &[*const S; N],
    ahead: isize,
    factors: &[[V; N]; ROWS],
    out: &[*mut f32; ROWS],
    column: usize,
) {
    // SAFETY: the caller vouches for the instruction set, and for so many values from `column` on.
    unsafe {
        let mut read = [[V::splat(0.0); C]; N];
        for step in 0..N {
            let place = weights[step].add(column);
            V::prefetch_near(place.wrapping_offset(ahead).cast());
            for c in 0..C {
                read[step][c] = S::vector(place.add(c * V::LANES));
            }
        }
        for row in 0..ROWS {
            let mut sums = [V::splat(0.0); C];
            for c in 0..C {
                sums[c] = V::load(out[row].add(column + c * V::LANES));
            }
            for step in 0..N {
                for c in 0..C {
                    sums[c] = read[step][c].mul_add(factors[row][step], sums[c]);
                }
            }
            for c in 0..C {
                sums[c].store(out[row].add(column + c * V::LANES));
            }
        }
    }
}

/// A matrix in the caller's memory, its last axis contiguous.
#[derive(Clone, Copy)]
pub(super) struct Rows<S> {
    start: *const S,
    stride: isize,
}

impl<S> Rows<S> {
    fn of(view: &ArrayView2<S>) -> Self {
        Self { start: view.as_ptr(), stride: view.strides()[0] }
    }

    fn stride(self) -> isize {
        self.stride
    }

    #[inline(always)]
    fn row(self, row: usize) -> *const S {
        self.start.wrapping_offset(row as isize * self.stride)
    }
}
