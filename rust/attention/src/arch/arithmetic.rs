//! What a block of [`stream`](super::stream) is multiplied in: float32, or pairs of bfloat16.

use std::ops::Range;

use half::bf16;

use super::scratch::Buffer;
use super::source::Matrix;
use super::stream::{padded, widened};
use super::vector::{Bf16Pairs, Vector, exp2};
use crate::rows::{AnyRows, HeadRows};

/// # Safety
/// All methods require the instruction set of `V`, and places as large as what they read and write.
pub(super) trait Arithmetic<V: Vector> {
    /// An element of the keys.
    type Key: Copy;
    /// Values in a lane: neighbours in a query and in a key, and weights of two keys and their values.
    const VALUES: usize;

    /// `VALUES` elements, in all lanes.
    unsafe fn splat(from: *const Self::Key) -> V;
    unsafe fn add_product(sum: V, element: V, lanes: V) -> V;

    /// Queries of a tile, `depth` rows of `stride` values, as their products take them.
    unsafe fn queries(queries: *mut f32, depth: usize, stride: usize);
    /// Keys of a block: the caller's own where they lie as the products take them.
    unsafe fn keys(
        rows: &AnyRows,
        range: Range<usize>,
        scales: &mut Buffer,
        buffer: &mut Buffer,
    ) -> Matrix<Self::Key>;
    /// Values of a block: a row for each `VALUES` keys.
    unsafe fn values(
        rows: &AnyRows,
        range: Range<usize>,
        scales: &mut Buffer,
        buffer: &mut Buffer,
    ) -> Matrix<f32>;
    /// Scores of `count` keys, `QV` vectors each, to weights, which are added to `sums`: a row for each `VALUES` keys.
    unsafe fn weigh<const QV: usize>(
        scores: *mut f32,
        count: usize,
        largest: &[V; QV],
        factor: V,
        sums: &mut [V; QV],
    );
}

#[inline(always)]
unsafe fn weight<V: Vector>(score: *const f32, largest: V, factor: V) -> V {
    // SAFETY: the caller vouches for the scores.
    unsafe { exp2(V::load(score).sub(largest).mul(factor)) }
}

pub(super) struct Wide;

impl<V: Vector> Arithmetic<V> for Wide {
    type Key = f32;
    const VALUES: usize = 1;

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> V {
        // SAFETY: the caller vouches for an element.
        unsafe { V::splat(*from) }
    }

    #[inline(always)]
    unsafe fn add_product(sum: V, element: V, lanes: V) -> V {
        // SAFETY: the caller has the instruction set.
        unsafe { element.mul_add(lanes, sum) }
    }

    #[inline(always)]
    unsafe fn queries(_: *mut f32, _: usize, _: usize) {}

    #[inline(always)]
    unsafe fn keys(
        rows: &AnyRows,
        range: Range<usize>,
        scales: &mut Buffer,
        buffer: &mut Buffer,
    ) -> Matrix<f32> {
        // SAFETY: as the caller's.
        unsafe { widened::<V>(rows, range, scales, buffer) }
    }

    #[inline(always)]
    unsafe fn values(
        rows: &AnyRows,
        range: Range<usize>,
        scales: &mut Buffer,
        buffer: &mut Buffer,
    ) -> Matrix<f32> {
        // SAFETY: as the caller's.
        unsafe { widened::<V>(rows, range, scales, buffer) }
    }

    #[inline(always)]
    unsafe fn weigh<const QV: usize>(
        scores: *mut f32,
        count: usize,
        largest: &[V; QV],
        factor: V,
        sums: &mut [V; QV],
    ) {
        for key in 0..count {
            for j in 0..QV {
                // SAFETY: the caller vouches for the scores.
                unsafe {
                    let at = scores.add((key * QV + j) * V::LANES);
                    let weight = weight(at, largest[j], factor);
                    sums[j] = sums[j].add(weight);
                    weight.store(at);
                }
            }
        }
    }
}

/// Keys and values are bfloat16, and so are queries; weights are rounded to it, and the sum is of the rounded ones.
pub(super) struct Pairs;

impl<V: Bf16Pairs> Arithmetic<V> for Pairs {
    type Key = bf16;
    const VALUES: usize = 2;

    #[inline(always)]
    unsafe fn splat(from: *const bf16) -> V {
        // SAFETY: the caller vouches for two elements.
        unsafe { V::splat(from.cast::<f32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn add_product(sum: V, element: V, lanes: V) -> V {
        // SAFETY: the caller has the instruction set.
        unsafe { sum.add_bf16_products(lanes, element) }
    }

    #[inline(always)]
    unsafe fn queries(queries: *mut f32, depth: usize, stride: usize) {
        for pair in 0..depth.div_ceil(2) {
            for lane in (0..stride).step_by(V::LANES) {
                // SAFETY: rows of queries are padded to an even number, and a pair takes the place of what is read.
                unsafe {
                    let from = queries.add(2 * pair * stride + lane);
                    let both = V::pair_up(V::load(from), V::load(from.add(stride)));
                    both.store(queries.add(pair * stride + lane));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn keys(rows: &AnyRows, range: Range<usize>, _: &mut Buffer, buffer: &mut Buffer) -> Matrix<bf16> {
        let rows = of_bf16(rows);
        let depth = rows.columns();
        if matches!(rows, HeadRows::Whole(_)) && depth.is_multiple_of(2) {
            return rows.start(range);
        }
        let stride = padded(depth);
        let to = buffer.take(range.len() * stride / 2).as_mut_ptr().cast::<bf16>();
        let mut done = 0;
        for (matrix, count) in rows.walk(range) {
            for row in 0..count {
                // SAFETY: the matrix has `count` rows of `depth`, and the buffer a padded row for each.
                unsafe {
                    let to = to.add((done + row) * stride);
                    std::ptr::copy_nonoverlapping(matrix.row(row), to, depth);
                    to.add(depth).write_bytes(0, stride - depth);
                }
            }
            done += count;
        }
        Matrix { start: to, stride: stride as isize }
    }

    #[inline(always)]
    unsafe fn values(
        rows: &AnyRows,
        range: Range<usize>,
        _: &mut Buffer,
        buffer: &mut Buffer,
    ) -> Matrix<f32> {
        let rows = of_bf16(rows);
        let width = rows.columns();
        let stride = width.next_multiple_of(2 * V::LANES);
        let to = buffer.take(range.len().div_ceil(2) * stride).as_mut_ptr();
        let mut every =
            rows.walk(range).flat_map(|(matrix, count)| (0..count).map(move |row| matrix.row(row)));
        let mut pair = 0;
        while let Some(first) = every.next() {
            let second = every.next();
            for column in (0..width).step_by(2 * V::LANES) {
                let count = width - column;
                // SAFETY: columns are read up to the width; the buffer has a row for each pair.
                unsafe {
                    let mut both = [V::load_pairs_partial(first.add(column).cast(), count), V::splat(0.0)];
                    if let Some(second) = second {
                        both[1] = V::load_pairs_partial(second.add(column).cast(), count);
                    }
                    let both = both[0].interleave(both[1]);
                    let to = to.add(pair * stride + column);
                    both[0].store(to);
                    both[1].store(to.add(V::LANES));
                }
            }
            pair += 1;
        }
        Matrix { start: to, stride: stride as isize }
    }

    #[inline(always)]
    unsafe fn weigh<const QV: usize>(
        scores: *mut f32,
        count: usize,
        largest: &[V; QV],
        factor: V,
        sums: &mut [V; QV],
    ) {
        // SAFETY: the caller vouches for the scores. Weights of a pair take a place that is read before, or with it.
        unsafe {
            let ones = V::splat(f32::from_bits(0x3F80_3F80));
            for pair in 0..count / 2 {
                for j in 0..QV {
                    let first = scores.add((2 * pair * QV + j) * V::LANES);
                    let second = weight(first.add(QV * V::LANES), largest[j], factor);
                    let both = V::pair_up(weight(first, largest[j], factor), second);
                    sums[j] = sums[j].add_bf16_products(both, ones);
                    both.store(scores.add((pair * QV + j) * V::LANES));
                }
            }
            if count % 2 == 1 {
                for j in 0..QV {
                    let last = scores.add(((count - 1) * QV + j) * V::LANES);
                    let both = V::pair_up(weight(last, largest[j], factor), V::splat(0.0));
                    sums[j] = sums[j].add_bf16_products(both, ones);
                    both.store(scores.add((count / 2 * QV + j) * V::LANES));
                }
            }
        }
    }
}

#[inline(always)]
fn of_bf16<'r, 'a>(rows: &'r AnyRows<'a>) -> &'r HeadRows<'a, bf16> {
    match rows {
        AnyRows::Bf16(rows) => rows,
        _ => unreachable!("the caller has keys and values of bfloat16"),
    }
}
