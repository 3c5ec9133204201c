//! Few queries: each key and value is read once, for all of up to eight rows that share it.
//!
//! Lanes run along the head dimension, so rows of keys and values stream through the registers as they lie in
//! memory; the time is that of reading them.

use std::ops::Range;

use half::{bf16, f16};

use super::dots::{Dots, IntegerDots, Widened};
use super::mask_tile::{BLOCK, RowIndex, fill};
use super::scratch::{Buffer, KernelScratch};
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
    /// Whether queries, keys and values are all bfloat16.
    pub all_bf16: bool,
    pub rows: usize,
    pub index: RowIndex,
    pub depth: usize,
    pub width: usize,
    pub keys: &'s AnyRows<'a>,
    pub values: &'s AnyRows<'a>,
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
pub(super) unsafe fn decode<V: Vector, B: Dots<V, Element = bf16>>(
    job: &Job,
    scratch: &mut KernelScratch,
    partial: &mut [f32],
) {
    // SAFETY: the views of the job are the sources; both have its depth and width.
    unsafe {
        match (job.keys, job.values) {
            (AnyRows::F32(keys), AnyRows::F32(values)) => {
                rows::<V, Widened<f32>>(job, keys, values, None, scratch, partial);
            }
            (AnyRows::F16(keys), AnyRows::F16(values)) => {
                rows::<V, Widened<f16>>(job, keys, values, None, scratch, partial);
            }
            (AnyRows::Bf16(keys), AnyRows::Bf16(values)) => {
                rows::<V, B>(job, keys, values, None, scratch, partial);
            }
            (AnyRows::Int8 { rows: keys, scales: k }, AnyRows::Int8 { rows: values, scales: v }) => {
                rows::<V, IntegerDots>(job, keys, values, Some([k, v]), scratch, partial);
            }
            _ => unreachable!("keys and values have one element type"),
        }
    }
}

/// The scales of keys and of values.
type Scales<'s, 'a> = Option<[&'s HeadRows<'a, f32>; 2]>;

/// The second number is of keys taken together, so that enough sums are in flight; one of the first two is a multiple of four,
/// for [`Vector::sums`]. The third is of vectors of a value that are summed up in one pass: as many as there are registers for.
#[inline(always)]
unsafe fn rows<V: Vector, D: Dots<V>>(
    job: &Job,
    keys: &HeadRows<D::Element>,
    values: &HeadRows<D::Element>,
    scales: Scales,
    scratch: &mut KernelScratch,
    partial: &mut [f32],
) {
    // SAFETY: as the caller's.
    unsafe {
        match (job.rows, V::LANES == 16) {
            (1, true) => blocks::<V, D, 1, 4, 4>(job, keys, values, scales, scratch, partial),
            (1, false) => blocks::<V, D, 1, 4, 8>(job, keys, values, scales, scratch, partial),
            (2, _) => blocks::<V, D, 2, 4, 4>(job, keys, values, scales, scratch, partial),
            (3 | 4, true) => blocks::<V, D, 4, 2, 4>(job, keys, values, scales, scratch, partial),
            (3 | 4, false) => blocks::<V, D, 4, 2, 2>(job, keys, values, scales, scratch, partial),
            (_, true) => blocks::<V, D, 8, 1, 2>(job, keys, values, scales, scratch, partial),
            (_, false) => blocks::<V, D, 8, 1, 1>(job, keys, values, scales, scratch, partial),
        }
    }
}

#[inline(always)]
unsafe fn blocks<V: Vector, D: Dots<V>, const R: usize, const N: usize, const C: usize>(
    job: &Job,
    keys: &HeadRows<D::Element>,
    values: &HeadRows<D::Element>,
    scales: Scales,
    scratch: &mut KernelScratch,
    partial: &mut [f32],
) {
    let width = padded(job.width);
    let scores = scratch.scores.take(R * BLOCK);
    let context = scratch.context.take(R * width);
    context.fill(0.0);
    let bias = scratch.bias.take(R * BLOCK);
    // SAFETY: the caller has the instruction set.
    let queries = unsafe { prepare::<V, D, R>(job, &mut scratch.transposed) };
    let (mut maximum, mut sum) = ([f32::NEG_INFINITY; R], [0.0; R]);
    let visible = job.span.of_any(0..job.index.q_len);
    let mut start = visible.start.max(job.range.start);
    let end = visible.end.min(job.range.end);
    let several = job.width > C * V::LANES;
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
        // SAFETY: scores, bias and scales have `R` rows of `BLOCK`, the context `R` of `width`; matrices have their rows of it.
        unsafe {
            // The hardware foresees rows that lie evenly, but no next page.
            let paged = matches!(keys, HeadRows::Paged { .. });
            let mut at = 0;
            let (mut walk, mut of_values) = (keys.walk(block.start..end), values.walk(block.clone()));
            while let (Some((keys, count)), Some((values, _))) = (walk.next(), of_values.next()) {
                let count = count.min(block.len() - at);
                let next = if paged { walk.clone().next().map(|(keys, _)| keys) } else { None };
                let ahead = [(paged || several).then_some(values), next];
                dots::<V, D, R, N>(job, &queries, keys, ahead, count, scores.as_mut_ptr().add(at));
                at += count;
            }
            let softmax = (&mut maximum, &mut sum);
            let mut decay =
                weights::<V, R>(job, &block, bias, scales, &queries.factors, scores.as_mut_ptr(), softmax);
            let mut at = 0;
            let mut next = keys.walk(block.end..end);
            for (values, count) in values.walk(block) {
                let (weights, context) = (scores.as_ptr().add(at), context.as_mut_ptr());
                // In several passes, each shorter than what memory could bring meanwhile.
                match next.next() {
                    Some((keys, _)) if several => {
                        gather::<V, D::Element, R, C, true>(
                            job, values, keys, count, weights, context, decay,
                        );
                    }
                    _ => gather::<V, D::Element, R, C, false>(
                        job, values, values, count, weights, context, decay,
                    ),
                }
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

/// Rows of queries as the products take them.
struct Queries<const R: usize> {
    start: *const f32,
    /// In vectors' elements of `f32`.
    stride: usize,
    /// What the products are to be multiplied with.
    factors: [f32; R],
}

/// The job's queries, or what the products take instead, in `buffer`.
#[inline(always)]
unsafe fn prepare<V: Vector, D: Dots<V>, const R: usize>(job: &Job, buffer: &mut Buffer) -> Queries<R> {
    let depth = padded(job.depth);
    let mut factors = [1.0; R];
    if D::STEP == 1 {
        return Queries { start: job.queries.as_ptr(), stride: depth, factors };
    }
    let stride = depth.next_multiple_of(32) / 2;
    let converted = buffer.take(R * stride);
    let rows = converted.chunks_exact_mut(stride).zip(job.queries.chunks_exact(depth));
    for ((to, query), factor) in rows.zip(&mut factors) {
        // SAFETY: as the caller's.
        *factor = unsafe { D::query(&query[..job.depth], to) };
    }
    Queries { start: converted.as_ptr(), stride, factors }
}

/// `scores[row][key] = query[row] · key / factor[row]`, for `count` keys; their like in `ahead` is asked for.
#[inline(always)]
unsafe fn dots<V: Vector, D: Dots<V>, const R: usize, const N: usize>(
    job: &Job,
    queries: &Queries<R>,
    keys: Matrix<D::Element>,
    ahead: [Option<Matrix<D::Element>>; 2],
    count: usize,
    scores: *mut f32,
) {
    let step = D::STEP * V::LANES;
    let (whole, tail) = (job.depth - job.depth % step, job.depth % step);
    for first in (0..count).step_by(N) {
        // SAFETY: queries are padded to whole parts, rows of keys are read up to `depth`. Past the last key
        // it is read again, and its score stored in its own place.
        unsafe {
            let mut sums = [[V::splat(0.0); R]; N];
            let mut key = [keys.start; N];
            for (n, key) in key.iter_mut().enumerate() {
                *key = keys.row((first + n).min(count - 1));
            }
            if let Some(values) = ahead[0] {
                // `gather` goes through these values in several passes, in pieces that the hardware does not foresee.
                ask_for::<V, D::Element, N>(values, first, job.width);
            }
            if let Some(keys) = ahead[1] {
                ask_for::<V, D::Element, N>(keys, first, job.depth);
            }
            let mut column = 0;
            while column < whole {
                for (key, sums) in key.iter().zip(&mut sums) {
                    let part = D::part(key.add(column));
                    for (row, sum) in sums.iter_mut().enumerate() {
                        let query = V::load(queries.start.add(row * queries.stride + column / D::STEP));
                        *sum = D::products(*sum, part, query);
                    }
                }
                column += step;
            }
            if tail > 0 {
                for (key, sums) in key.iter().zip(&mut sums) {
                    let part = D::part_tail(key.add(whole), tail);
                    for (row, sum) in sums.iter_mut().enumerate() {
                        let query = V::load(queries.start.add(row * queries.stride + whole / D::STEP));
                        *sum = D::products(*sum, part, query);
                    }
                }
            }
            for row in (0..R).step_by(if N == 4 { 1 } else { 4 }) {
                for n in (0..N).step_by(if N == 4 { 4 } else { 1 }) {
                    // Four sums at once, of as many keys or rows.
                    let at = |i: usize| if N == 4 { (n + i, row) } else { (n, row + i) };
                    let [a, b, c, d] = [at(0), at(1), at(2), at(3)].map(|(n, row)| sums[n][row]);
                    let four = V::sums(D::total(a), D::total(b), D::total(c), D::total(d));
                    if N == 4 && first + 4 <= count {
                        scores.add(row * BLOCK + first).cast::<[f32; 4]>().write_unaligned(four);
                        continue;
                    }
                    for (i, sum) in four.into_iter().enumerate() {
                        let (n, row) = at(i);
                        *scores.add(row * BLOCK + (first + n).min(count - 1)) = sum;
                    }
                }
            }
        }
    }
}

/// Have `N` rows from `first` on brought nearer.
#[inline(always)]
unsafe fn ask_for<V: Vector, S: Source, const N: usize>(rows: Matrix<S>, first: usize, columns: usize) {
    for n in 0..N {
        let row = rows.row(first + n).cast::<u8>();
        for line in (0..columns * size_of::<S>()).step_by(64) {
            // SAFETY: any address may be asked for.
            unsafe { V::prefetch(row.wrapping_add(line)) };
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
    factors: &[f32; R],
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
                let mut score = V::load(at(key)).mul(V::splat(job.scoring.scale * factors[row]));
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

/// `context[row] = context[row] * decay[row] + Σ weights[row][key] * value[key]`; if `AHEAD`, rows of `next` are asked for.
#[inline(always)]
unsafe fn gather<V: Vector, S: Source, const R: usize, const N: usize, const AHEAD: bool>(
    job: &Job,
    values: Matrix<S>,
    next: Matrix<S>,
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
            gather_columns::<V, S, R, N, false, AHEAD>(
                values,
                next,
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
                gather_columns::<V, S, R, 1, false, AHEAD>(
                    values, next, count, column, lanes, weights, context, stride, decay,
                );
            } else {
                gather_columns::<V, S, R, 1, true, AHEAD>(
                    values, next, count, column, lanes, weights, context, stride, decay,
                );
            }
            column += V::LANES;
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "an inlined part of `gather`, which has them at hand")]
#[inline(always)]
unsafe fn gather_columns<
    V: Vector,
    S: Source,
    const R: usize,
    const N: usize,
    const TAIL: bool,
    const AHEAD: bool,
>(
    values: Matrix<S>,
    next: Matrix<S>,
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
            if AHEAD {
                let at = next.row(key).wrapping_add(column).cast::<u8>();
                for line in (0..N * V::LANES * size_of::<S>()).step_by(64) {
                    V::prefetch(at.wrapping_add(line));
                }
            }
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
