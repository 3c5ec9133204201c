//! Few queries: each key and value is read once, for all of up to eight rows that share it.
//!
//! Lanes run along the head dimension, so rows of keys and values stream through the registers as they lie in
//! memory; the time is that of reading them.

use std::ops::Range;

use half::{bf16, f16};

use super::mask_tile::{BLOCK, RowIndex, fill};
use super::scratch::KernelScratch;
use super::source::{Matrix, Source, copy_scales};
use super::stream::padded;
use super::vector::{LANE, Vector, abs, exp2, tanh};
use crate::mask::{Effect, GroupMask};
use crate::rows::{AnyRows, HeadRows};
use crate::scoring::Scoring;
use crate::span::Span;

/// Most rows that one pass over the keys serves.
pub(crate) const MAX_ROWS: usize = 8;

/// Unnormalized attention of a few rows to a range of the keys.
pub(crate) struct Job<'s, 'a> {
    /// Row-major, rows of `depth` [`padded`] with zeros; zero rows up to 1, 2, 4 or 8.
    pub queries: &'s [f32],
    pub rows: usize,
    pub index: RowIndex,
    pub depth: usize,
    pub width: usize,
    pub keys: AnyRows<'a>,
    pub values: AnyRows<'a>,
    pub range: Range<usize>,
    pub mask: GroupMask<'a>,
    pub span: Span,
    pub scoring: Scoring,
    /// One for each head of the group.
    pub alibi_slopes: Option<&'a [f32]>,
}

/// Values that a row leaves in the partial result: maximum, sum, and the context of `width` [`padded`].
pub(crate) fn partial_len(width: usize) -> usize {
    2 + padded(width)
}

/// Write `rows` partial results, [`partial_len`] values each.
///
/// # Safety
/// The CPU has `V`'s instruction set.
#[inline(always)]
pub(super) unsafe fn decode<V: Vector>(job: &Job, scratch: &mut KernelScratch, partial: &mut [f32]) {
    // SAFETY: the views of the job are the sources; both have its depth and width.
    unsafe {
        match (&job.keys, &job.values) {
            (AnyRows::F32(keys), AnyRows::F32(values)) => {
                rows::<V, f32>(job, keys, values, None, scratch, partial);
            }
            (AnyRows::F16(keys), AnyRows::F16(values)) => {
                rows::<V, f16>(job, keys, values, None, scratch, partial);
            }
            (AnyRows::Bf16(keys), AnyRows::Bf16(values)) => {
                rows::<V, bf16>(job, keys, values, None, scratch, partial);
            }
            (AnyRows::Int8 { rows: keys, scales: k }, AnyRows::Int8 { rows: values, scales: v }) => {
                rows::<V, i8>(job, keys, values, Some([k, v]), scratch, partial);
            }
            _ => unreachable!("keys and values have one element type"),
        }
    }
}

/// The scales of keys and of values.
type Scales<'s, 'a> = Option<[&'s HeadRows<'a, f32>; 2]>;

/// The second number is of keys (or vectors of a value) taken together, so that enough sums are in flight; one of
/// the two is a multiple of four, for [`Vector::sums`].
#[inline(always)]
unsafe fn rows<V: Vector, S: Source>(
    job: &Job,
    keys: &HeadRows<S>,
    values: &HeadRows<S>,
    scales: Scales,
    scratch: &mut KernelScratch,
    partial: &mut [f32],
) {
    // SAFETY: as the caller's.
    unsafe {
        match job.rows {
            1 => blocks::<V, S, 1, 4>(job, keys, values, scales, scratch, partial),
            2 => blocks::<V, S, 2, 4>(job, keys, values, scales, scratch, partial),
            3 | 4 => blocks::<V, S, 4, 2>(job, keys, values, scales, scratch, partial),
            _ => blocks::<V, S, 8, 1>(job, keys, values, scales, scratch, partial),
        }
    }
}

#[inline(always)]
unsafe fn blocks<V: Vector, S: Source, const R: usize, const N: usize>(
    job: &Job,
    keys: &HeadRows<S>,
    values: &HeadRows<S>,
    scales: Scales,
    scratch: &mut KernelScratch,
    partial: &mut [f32],
) {
    let width = padded(job.width);
    let scores = scratch.scores.take(R * BLOCK);
    let context = scratch.context.take(R * width);
    context.fill(0.0);
    let bias = scratch.bias.take(R * BLOCK);
    let (mut maximum, mut sum) = ([f32::NEG_INFINITY; R], [0.0; R]);
    let visible = job.span.of_any(0..job.index.q_len);
    let mut start = visible.start.max(job.range.start);
    let end = visible.end.min(job.range.end);
    while start < end {
        let block = start..(start + BLOCK).min(end);
        start = block.end;
        let (effect, _) = fill(&job.mask, job.index, 0..job.rows, &block, 1.0, bias);
        if effect == Effect::Hides {
            continue;
        }
        let bias = (effect == Effect::Changes).then_some(bias.as_ptr());
        let scales = scales.map(|[keys, values]| {
            let (of_keys, of_values) = (scratch.keys.take(BLOCK), scratch.values.take(BLOCK));
            copy_scales(keys, block.clone(), of_keys);
            copy_scales(values, block.clone(), of_values);
            [of_keys.as_ptr(), of_values.as_ptr()]
        });
        // SAFETY: scores, bias and scales have `R` rows of `BLOCK`, the context `R` of `width`; runs lie in the block.
        unsafe {
            let mut at = block.start;
            while at < block.end {
                let (keys, count) = keys.run(at..block.end);
                let (values, _) = values.run(at..block.end);
                dots::<V, S, R, N>(job, keys, values, count, scores.as_mut_ptr().add(at - block.start));
                at += count;
            }
            let softmax = (&mut maximum, &mut sum);
            let mut decay = weights::<V, R>(job, &block, bias, scales, scores.as_mut_ptr(), softmax);
            let mut at = block.start;
            while at < block.end {
                let (values, count) = values.run(at..block.end);
                let weights = scores.as_ptr().add(at - block.start);
                gather::<V, S, R, N>(job, values, count, weights, context.as_mut_ptr(), decay);
                decay = [1.0; R];
                at += count;
            }
        }
    }
    for (row, partial) in partial.chunks_exact_mut(2 + width).take(job.rows).enumerate() {
        partial[0] = maximum[row];
        partial[1] = sum[row];
        partial[2..].copy_from_slice(&context[row * width..(row + 1) * width]);
    }
}

/// `scores[row][key] = query[row] · key`, for `count` keys.
#[inline(always)]
unsafe fn dots<V: Vector, S: Source, const R: usize, const N: usize>(
    job: &Job,
    keys: Matrix<S>,
    values: Matrix<S>,
    count: usize,
    scores: *mut f32,
) {
    let (queries, stride) = (job.queries.as_ptr(), padded(job.depth));
    let (whole, tail) = (job.depth - job.depth % V::LANES, job.depth % V::LANES);
    for first in (0..count).step_by(N) {
        // SAFETY: queries are padded to whole vectors, rows of keys are read up to `depth`. Past the last key
        // it is read again, and its score stored in its own place.
        unsafe {
            let mut sums = [[V::splat(0.0); R]; N];
            let key = |n: usize| keys.row((first + n).min(count - 1));
            if job.width > N * V::LANES {
                // `gather` goes through these values in several passes, in pieces that the hardware does not foresee.
                for n in 0..N {
                    let value = values.row(first + n).cast::<u8>();
                    for line in (0..job.width * size_of::<S>()).step_by(64) {
                        V::prefetch(value.wrapping_add(line));
                    }
                }
            }
            let mut column = 0;
            while column < whole {
                for (n, sums) in sums.iter_mut().enumerate() {
                    let part = S::vector::<V>(key(n).add(column));
                    for (row, sum) in sums.iter_mut().enumerate() {
                        *sum = part.mul_add(V::load(queries.add(row * stride + column)), *sum);
                    }
                }
                column += V::LANES;
            }
            if tail > 0 {
                for (n, sums) in sums.iter_mut().enumerate() {
                    let part = S::tail::<V>(key(n).add(whole), tail);
                    for (row, sum) in sums.iter_mut().enumerate() {
                        *sum = part.mul_add(V::load(queries.add(row * stride + whole)), *sum);
                    }
                }
            }
            for row in (0..R).step_by(if N == 4 { 1 } else { 4 }) {
                for n in (0..N).step_by(if N == 4 { 4 } else { 1 }) {
                    // Four sums at once, of as many keys or rows.
                    let at = |i: usize| if N == 4 { (n + i, row) } else { (n, row + i) };
                    let [a, b, c, d] = [at(0), at(1), at(2), at(3)].map(|(n, row)| sums[n][row]);
                    for (i, sum) in V::sums(a, b, c, d).into_iter().enumerate() {
                        let (n, row) = at(i);
                        *scores.add(row * BLOCK + (first + n).min(count - 1)) = sum;
                    }
                }
            }
        }
    }
}

/// Scores to exponentials under the running maximum; returns the decay of what was summed before.
#[inline(always)]
unsafe fn weights<V: Vector, const R: usize>(
    job: &Job,
    block: &Range<usize>,
    bias: Option<*const f32>,
    scales: Option<[*const f32; 2]>,
    scores: *mut f32,
    (maximum, sum): (&mut [f32; R], &mut [f32; R]),
) -> [f32; R] {
    let (start, count) = (block.start as i64, block.len() as i64);
    let mut decay = [0.0; R];
    for row in 0..R.min(job.rows) {
        let (member, query) = job.index.of(row);
        let (low, high) = job.span.of(query);
        let slope = job.alibi_slopes.map(|slopes| -slopes[member]);
        let place = (job.span.position(query) - start) as f32;
        // Lanes beyond the block hold old scores: the bounds hide them too.
        let (low, high) = ((low - start).clamp(0, count), (high - start).clamp(-1, count - 1));
        // SAFETY: a row of scores, of biases and of scales has `BLOCK` values, and `count` is at most that.
        unsafe {
            let (low, high) = (V::splat(low as f32), V::splat(high as f32));
            let at = |key: usize| scores.add(row * BLOCK + key);
            let mut largest = V::splat(f32::NEG_INFINITY);
            for key in (0..block.len()).step_by(V::LANES) {
                let position = V::splat(key as f32).add(V::load(LANE.as_ptr()));
                let mut score = V::load(at(key)).mul(V::splat(job.scoring.scale));
                if let Some([scales, _]) = scales {
                    score = score.mul(V::load(scales.add(key)));
                }
                if let Some(cap) = job.scoring.softcap {
                    score = tanh(score.mul(V::splat(1.0 / cap))).mul(V::splat(cap));
                }
                if let Some(bias) = bias {
                    score = score.add(V::load(bias.add(row * BLOCK + key)));
                }
                if let Some(slope) = slope {
                    score = V::splat(slope).mul_add(abs(position.sub(V::splat(place))), score);
                }
                score = score.keep_between(position, low, high).mul(V::splat(std::f32::consts::LOG2_E));
                largest = largest.max(score);
                score.store(at(key));
            }
            let new = maximum[row].max(largest.max_lane());
            // As in `stream`: nothing seen yet, and any finite shift will do.
            let shift = if new == f32::NEG_INFINITY { 0.0 } else { new };
            decay[row] = (maximum[row] - shift).exp2();
            let mut total = V::splat(0.0);
            for key in (0..block.len()).step_by(V::LANES) {
                let mut weight = exp2(V::load(at(key)).sub(V::splat(shift)));
                total = total.add(weight);
                if let Some([_, scales]) = scales {
                    weight = weight.mul(V::load(scales.add(key)));
                }
                weight.store(at(key));
            }
            maximum[row] = new;
            sum[row] = sum[row] * decay[row] + total.sum();
        }
    }
    decay
}

/// `context[row] = context[row] * decay[row] + Σ weights[row][key] * value[key]`.
#[inline(always)]
unsafe fn gather<V: Vector, S: Source, const R: usize, const N: usize>(
    job: &Job,
    values: Matrix<S>,
    count: usize,
    weights: *const f32,
    context: *mut f32,
    decay: [f32; R],
) {
    let stride = padded(job.width);
    let whole = job.width - job.width % V::LANES;
    let mut column = 0;
    // SAFETY: columns of values are read up to `width`, those of the context up to its padded width.
    unsafe {
        while column + N * V::LANES <= whole {
            gather_columns::<V, S, R, N, false>(
                values,
                count,
                column,
                N * V::LANES,
                weights,
                context,
                stride,
                decay,
            );
            column += N * V::LANES;
        }
        while column < job.width {
            let lanes = (job.width - column).min(V::LANES);
            if lanes == V::LANES {
                gather_columns::<V, S, R, 1, false>(
                    values, count, column, lanes, weights, context, stride, decay,
                );
            } else {
                gather_columns::<V, S, R, 1, true>(
                    values, count, column, lanes, weights, context, stride, decay,
                );
            }
            column += V::LANES;
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "an inlined part of `gather`, which has them at hand")]
#[inline(always)]
unsafe fn gather_columns<V: Vector, S: Source, const R: usize, const N: usize, const TAIL: bool>(
    values: Matrix<S>,
    count: usize,
    column: usize,
    lanes: usize,
    weights: *const f32,
    context: *mut f32,
    stride: usize,
    decay: [f32; R],
) {
    // SAFETY: as `gather`'s.
    unsafe {
        let mut sums = [[V::splat(0.0); N]; R];
        for (row, sums) in sums.iter_mut().enumerate() {
            for (n, sum) in sums.iter_mut().enumerate() {
                let at = context.add(row * stride + column + n * V::LANES);
                *sum = V::load(at).mul(V::splat(decay[row]));
            }
        }
        for key in 0..count {
            let value = values.row(key).add(column);
            let mut parts = [V::splat(0.0); N];
            for (n, part) in parts.iter_mut().enumerate() {
                let at = value.add(n * V::LANES);
                *part = if TAIL { S::tail::<V>(at, lanes) } else { S::vector::<V>(at) };
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let weight = V::splat(*weights.add(row * BLOCK + key));
                for (sum, part) in sums.iter_mut().zip(parts) {
                    *sum = weight.mul_add(part, *sum);
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (n, sum) in sums.iter().enumerate() {
                sum.store(context.add(row * stride + column + n * V::LANES));
            }
        }
    }
}
