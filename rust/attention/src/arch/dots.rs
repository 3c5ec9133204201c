//! The products of keys with queries, or of weights with an input, as keys and weights are kept.

use std::marker::PhantomData;

use half::bf16;

use super::scratch::as_i16;
use super::source::Source;
use super::vector::{Bf16Pairs, MAX_LANES, Vector};

/// # Safety
/// Methods require `V`'s instruction set, and as many readable elements as they take.
pub(super) trait Dots<V: Vector> {
    type Element: Source;
    /// Elements that a lane takes up at once.
    const STEP: usize;

    /// The values of a query, a multiple of `STEP` vectors, as the products take them; returns what these are to be multiplied
    /// with. Not called where they are taken as they are, one at a time.
    unsafe fn query(values: &[f32], to: &mut [f32]) -> f32;
    /// `STEP` vectors of elements.
    unsafe fn part(from: *const Self::Element) -> V;
    /// The first `count` elements of such a part.
    unsafe fn part_tail(from: *const Self::Element, count: usize) -> V;
    /// `sum` plus the products of a part with as many values of a query.
    unsafe fn products(sum: V, part: V, query: V) -> V;
    /// A sum as `f32`.
    unsafe fn total(sum: V) -> V;
}

/// Elements widened to `f32`.
pub(super) struct Widened<S>(PhantomData<S>);

impl<V: Vector, S: Source> Dots<V> for Widened<S> {
    type Element = S;
    const STEP: usize = 1;

    #[inline(always)]
    unsafe fn query(_: &[f32], _: &mut [f32]) -> f32 {
        1.0
    }

    #[inline(always)]
    unsafe fn part(from: *const S) -> V {
        // SAFETY: as the caller's.
        unsafe { S::vector(from) }
    }

    #[inline(always)]
    unsafe fn part_tail(from: *const S, count: usize) -> V {
        // SAFETY: as the caller's.
        unsafe { S::tail(from, count) }
    }

    #[inline(always)]
    unsafe fn products(sum: V, part: V, query: V) -> V {
        // SAFETY: as the caller's.
        unsafe { part.mul_add(query, sum) }
    }

    #[inline(always)]
    unsafe fn total(sum: V) -> V {
        sum
    }
}

/// Pairs of bfloat16, the queries' own too: nothing is rounded.
pub(super) struct Bf16Dots;

impl<V: Bf16Pairs> Dots<V> for Bf16Dots {
    type Element = bf16;
    const STEP: usize = 2;

    #[inline(always)]
    unsafe fn query(values: &[f32], to: &mut [f32]) -> f32 {
        let mut rest = [0.0; 2 * MAX_LANES];
        for (to, values) in to.chunks_exact_mut(V::LANES).zip(values.chunks(2 * V::LANES)) {
            let mut from = values.as_ptr();
            if values.len() < 2 * V::LANES {
                rest[..values.len()].copy_from_slice(values);
                from = rest.as_ptr();
            }
            // SAFETY: the caller has the instruction set, and there are two vectors.
            unsafe { V::round_to_bf16(V::load(from), V::load(from.add(V::LANES))).store(to.as_mut_ptr()) };
        }
        1.0
    }

    #[inline(always)]
    unsafe fn part(from: *const bf16) -> V {
        // SAFETY: as the caller's.
        unsafe { V::load(from.cast()) }
    }

    #[inline(always)]
    unsafe fn part_tail(from: *const bf16, count: usize) -> V {
        // SAFETY: as the caller's.
        unsafe { V::load_pairs_partial(from.cast(), count) }
    }

    #[inline(always)]
    unsafe fn products(sum: V, part: V, query: V) -> V {
        // SAFETY: as the caller's.
        unsafe { sum.add_bf16_products(part, query) }
    }

    #[inline(always)]
    unsafe fn total(sum: V) -> V {
        sum
    }
}

/// Integers of 8 bits with queries of 16 (see [`quantize`]): half the work of `f32`, and a hundredth of the error that 8 bits
/// have.
pub(super) struct IntegerDots;

impl<V: Vector> Dots<V> for IntegerDots {
    type Element = i8;
    const STEP: usize = 2;

    #[inline(always)]
    unsafe fn query(values: &[f32], to: &mut [f32]) -> f32 {
        quantize(values, as_i16(to))
    }

    #[inline(always)]
    unsafe fn part(from: *const i8) -> V {
        // SAFETY: the caller vouches for two vectors.
        unsafe { V::load_i8_pairs(from) }
    }

    #[inline(always)]
    unsafe fn part_tail(from: *const i8, count: usize) -> V {
        let mut whole = [0; 32];
        // SAFETY: the caller vouches for `count` values, fewer than two vectors.
        unsafe {
            std::ptr::copy_nonoverlapping(from, whole.as_mut_ptr(), count);
            V::load_i8_pairs(whole.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn products(sum: V, part: V, query: V) -> V {
        // SAFETY: as the caller's.
        unsafe { sum.add_pairs(part, query) }
    }

    #[inline(always)]
    unsafe fn total(sum: V) -> V {
        // SAFETY: as the caller's.
        unsafe { sum.integers_to_floats() }
    }
}

/// The most columns whose products with integers of 8 bits cannot overflow 32: a sum is spread over four lanes at least.
pub(crate) const MAX_INTEGER_COLUMNS: usize = 4 * (1 << 31) / (128 * (1 << 15));

/// The values of a query as integers of 16 bits in `to`, zeros behind them; returns what they are to be multiplied with.
fn quantize(query: &[f32], to: &mut [i16]) -> f32 {
    let largest = query.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let scale = largest / 32767.0;
    // Too small to divide by, as in rows of zeros, or not finite: infinities and NaN are left to the factor.
    let inverse = if scale >= f32::MIN_POSITIVE && scale.is_finite() { 1.0 / scale } else { 0.0 };
    for (to, value) in to.iter_mut().zip(query) {
        *to = (value * inverse).round_ties_even() as i16;
    }
    to[query.len()..].fill(0);
    if query.iter().all(|value| value.is_finite()) { scale } else { f32::NAN }
}
