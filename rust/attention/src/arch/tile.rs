//! The two register-tiled products of a block: scores `S = K Q` and context `O += V P`.
//!
//! Lanes run along queries: `QV` vectors of them, transposed once per task. A key or value element is one broadcast
//! straight from the caller's row, so neither keys nor values are ever packed, and maxima, sums and rescaling of
//! the softmax are plain vertical operations. A tile has `NR` rows of `QV` accumulators: 8 × 3 of 32 registers with
//! AVX-512, 3 × 3 of 16 with AVX2. With 4 × 3 of these one register is left for the broadcasts, and the compiler keeps
//! a sum in memory instead, inside the loop, at half the speed. With pairs of bfloat16 there are half as many steps.

use super::arithmetic::Arithmetic;
use super::source::Matrix;
use super::vector::Vector;

/// `scores[key][query] = key · query` for `count` keys; returns the largest score of each query.
///
/// # Safety
/// The CPU has `V`'s instruction set; `keys` has `count` rows of `depth` values, `queries` a row of
/// `QV * LANES` for each `VALUES` of them, and `scores` room for `count` such rows.
#[inline(always)]
pub(super) unsafe fn scores<V: Vector, A: Arithmetic<V>, const QV: usize, const NR: usize>(
    queries: *const f32,
    keys: Matrix<A::Key>,
    depth: usize,
    count: usize,
    scores: *mut f32,
) -> [V; QV] {
    // SAFETY: every group stays within `count` rows.
    unsafe {
        let mut maxima = [V::splat(f32::NEG_INFINITY); QV];
        if count < NR {
            for key in 0..count {
                let row = scores.add(key * QV * V::LANES);
                score_group::<V, A, QV, 1>(queries, keys.from(key), depth, row, &mut maxima);
            }
        } else {
            for group in 0..count.div_ceil(NR) {
                // The last group may overlap the one before, and then computes some scores again.
                let key = (group * NR).min(count - NR);
                let row = scores.add(key * QV * V::LANES);
                score_group::<V, A, QV, NR>(queries, keys.from(key), depth, row, &mut maxima);
            }
        }
        maxima
    }
}

#[inline(always)]
unsafe fn score_group<V: Vector, A: Arithmetic<V>, const QV: usize, const NR: usize>(
    queries: *const f32,
    keys: Matrix<A::Key>,
    depth: usize,
    scores: *mut f32,
    maxima: &mut [V; QV],
) {
    // SAFETY: as for `scores`, with `count = NR`.
    unsafe {
        let mut sums = [[V::splat(0.0); QV]; NR];
        for column in 0..depth.div_ceil(A::VALUES) {
            let mut lanes = [V::splat(0.0); QV];
            for (j, lane) in lanes.iter_mut().enumerate() {
                *lane = V::load(queries.add((column * QV + j) * V::LANES));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let element = A::splat(keys.row(row).add(column * A::VALUES));
                for (sum, lane) in sums.iter_mut().zip(lanes) {
                    *sum = A::add_product(*sum, element, lane);
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (j, (sum, maximum)) in sums.iter().zip(maxima.iter_mut()).enumerate() {
                *maximum = maximum.max(*sum);
                sum.store(scores.add((row * QV + j) * V::LANES));
            }
        }
    }
}

/// `context[column][query] = context[column][query] * decay[query] + Σ value[key][column] * weights[key][query]`.
///
/// # Safety
/// The CPU has `V`'s instruction set; `values` has a row of `width` values for each `VALUES` of `count` keys, and `weights` one of
/// `QV * LANES`, and `context` `width` such rows.
#[inline(always)]
pub(super) unsafe fn accumulate<V: Vector, A: Arithmetic<V>, const QV: usize, const NR: usize>(
    weights: *const f32,
    values: Matrix<f32>,
    width: usize,
    count: usize,
    context: *mut f32,
    decay: &[V; QV],
) {
    // SAFETY: every group stays within `width` columns.
    unsafe {
        let mut column = 0;
        while column + NR <= width {
            accumulate_group::<V, A, QV, NR>(weights, values, column, count, context, decay);
            column += NR;
        }
        while column < width {
            accumulate_group::<V, A, QV, 1>(weights, values, column, count, context, decay);
            column += 1;
        }
    }
}

#[inline(always)]
unsafe fn accumulate_group<V: Vector, A: Arithmetic<V>, const QV: usize, const NR: usize>(
    weights: *const f32,
    values: Matrix<f32>,
    column: usize,
    count: usize,
    context: *mut f32,
    decay: &[V; QV],
) {
    // SAFETY: as for `accumulate`, with columns `column..column + NR`.
    unsafe {
        let context = context.add(column * QV * V::LANES);
        let mut sums = [[V::splat(0.0); QV]; NR];
        for (i, sums) in sums.iter_mut().enumerate() {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(context.add((i * QV + j) * V::LANES)).mul(decay[j]);
            }
        }
        let mut value = values.start.add(column);
        for key in 0..count.div_ceil(A::VALUES) {
            let mut lanes = [V::splat(0.0); QV];
            for (j, lane) in lanes.iter_mut().enumerate() {
                *lane = V::load(weights.add((key * QV + j) * V::LANES));
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let element = V::splat(*value.add(i));
                for (sum, lane) in sums.iter_mut().zip(lanes) {
                    *sum = A::add_product(*sum, element, lane);
                }
            }
            value = value.wrapping_offset(values.stride);
        }
        for (i, sums) in sums.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                sum.store(context.add((i * QV + j) * V::LANES));
            }
        }
    }
}
