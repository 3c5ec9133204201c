//! Many queries: a block of keys at a time for tiles of up to `3 * LANES` queries.

use std::ops::Range;

use ferrolm_base::Cancel;
use half::{bf16, f16};

use super::arithmetic::Arithmetic;
use super::mask_tile::{BLOCK, RowIndex, fill, shared, transpose};
use super::scratch::{Buffer, KernelScratch};
use super::source::{Matrix, copy_scales, widen};
use super::tile::{accumulate, scores};
use super::vector::{Vector, abs, exp2, tanh};
use crate::PerHead;
use crate::mask::{Effect, GroupMask};
use crate::rows::{AnyRows, HeadRows};
use crate::scoring::{Scoring, normalizer};
use crate::span::Span;

/// Tiles per task: each block of keys and values is read from the outer caches once for all of them.
pub(crate) const TILES: usize = 4;

/// Attention of some rows of the queries that share a key/value head.
pub(crate) struct Job<'s, 'a> {
    /// Row-major, rows of `depth` [`padded`] with zeros; zero rows up to whole tiles.
    pub queries: &'s [f32],
    /// Whether queries, keys and values are all bfloat16.
    pub all_bf16: bool,
    /// Of the flattened (head of the group, query).
    pub rows: Range<usize>,
    pub index: RowIndex,
    pub depth: usize,
    pub width: usize,
    pub keys: &'s AnyRows<'a>,
    pub values: &'s AnyRows<'a>,
    pub mask: GroupMask<'a>,
    pub span: Span,
    pub scoring: Scoring,
    /// Those of the group.
    pub per_head: PerHead<'a>,
    pub cancel: &'s Cancel,
}

/// `size` rounded up so that every instruction set here has whole vectors.
pub(crate) fn padded(size: usize) -> usize {
    size.next_multiple_of(16)
}

impl Job<'_, '_> {
    /// The keys that any of `rows` may see by position.
    pub(super) fn visible(&self, rows: Range<usize>) -> Range<usize> {
        let (first, last) = (self.index.of(rows.start), self.index.of(rows.end - 1));
        let queries = if first.0 == last.0 { first.1..last.1 + 1 } else { 0..self.index.q_len };
        self.span.of_any(queries)
    }
}

/// Where a tile keeps its share of the working memory.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub rows: (usize, usize),
    pub queries: *mut f32,
    pub context: *mut f32,
    pub maximum: *mut f32,
    pub sum: *mut f32,
    /// With `ALiBi`: the factor of the distance, and the position from which it is measured.
    pub slope: *mut f32,
    pub position: *mut f32,
}

/// Write the context of the job's rows to `results`, `rows.len()` rows padded to whole tiles of `width` padded.
///
/// # Safety
/// The CPU has `V`'s instruction set.
#[inline(always)]
pub(super) unsafe fn stream<V: Vector, A: Arithmetic<V>, const NR: usize>(
    job: &Job,
    scratch: &mut KernelScratch,
    results: &mut [f32],
) {
    // SAFETY: the buffers are taken large enough for all tiles, and `dispatch` passes each tile its own part.
    unsafe {
        let full = 3 * V::LANES;
        let tiles = job.rows.len().div_ceil(full);
        let (depth, width) = (padded(job.depth), padded(job.width));
        let queries = scratch.transposed.take(tiles * depth * full).as_mut_ptr();
        let context = scratch.context.take(tiles * width * full);
        context.fill(0.0);
        let context = context.as_mut_ptr();
        let state = scratch.state.take(tiles * STATE * full).as_mut_ptr();
        let scores = scratch.scores.take(BLOCK * full).as_mut_ptr();
        let tile_at = |t: usize| Tile {
            rows: (job.rows.start + t * full, job.rows.end.min(job.rows.start + (t + 1) * full)),
            queries: queries.add(t * depth * full),
            context: context.add(t * width * full),
            maximum: state.add(t * STATE * full),
            sum: state.add((t * STATE + 1) * full),
            slope: state.add((t * STATE + 2) * full),
            position: state.add((t * STATE + 3) * full),
        };
        for t in 0..tiles {
            start_tile::<V, A>(job, tile_at(t), depth);
        }
        let visible = job.visible(job.rows.clone());
        let mut block = visible.start;
        while block < visible.end && !job.cancel.is_cancelled() {
            let keys = block..(block + BLOCK).min(visible.end);
            let key_rows = A::keys(job.keys, keys.clone(), &mut scratch.rows, &mut scratch.keys);
            let value_rows = A::values(job.values, keys.clone(), &mut scratch.rows, &mut scratch.values);
            for t in 0..tiles {
                let tile = tile_at(t);
                let seen = job.visible(tile.rows.0..tile.rows.1);
                let seen = seen.start.max(keys.start)..seen.end.min(keys.end);
                if seen.is_empty() {
                    continue;
                }
                let rows = &mut scratch.rows;
                let Some((bias, seen)) = bias::<V>(job, tile, seen, rows, &mut scratch.bias) else {
                    continue;
                };
                // Values lie together from the block's first on. Where what is seen begins or ends between two of those, they
                // are put together anew: what is not seen may be anything, and not a number times 0 is none either.
                let apart = !(seen.start - block).is_multiple_of(A::VALUES)
                    || seen.end != keys.end && !(seen.end - block).is_multiple_of(A::VALUES);
                let value_rows = if apart {
                    A::values(job.values, seen.clone(), &mut scratch.rows, &mut scratch.seen_values)
                } else {
                    value_rows.from((seen.start - block) / A::VALUES)
                };
                let part = Part {
                    bias,
                    start: seen.start,
                    count: seen.len(),
                    keys: key_rows.from(seen.start - block),
                    values: value_rows,
                    scores,
                };
                match (tile.rows.1 - tile.rows.0).div_ceil(V::LANES) {
                    1 => update::<V, A, 1, NR>(job, tile, &part),
                    2 => update::<V, A, 2, NR>(job, tile, &part),
                    _ => update::<V, A, 3, NR>(job, tile, &part),
                }
            }
            block += BLOCK;
        }
        for t in 0..tiles {
            finish_tile::<V>(job, tile_at(t), &mut results[t * full * width..]);
        }
    }
}

/// The maximal exponent (of two) of each of the job's rows and the sum of their exponentials relative to it, as
/// [`stream`] has left them in `scratch`, sinks included; `full` is [`tile_rows`](super::tile_rows).
pub(crate) fn sums(job: &Job, scratch: &mut KernelScratch, full: usize) -> impl Iterator<Item = (f32, f32)> {
    let (rows, factor) = (job.rows.len(), job.scoring.to_exponent());
    let state: &[f32] = scratch.state.take(rows.div_ceil(full) * STATE * full);
    (0..rows).map(move |row| {
        let tile = &state[row / full * STATE * full..];
        (tile[row % full] * factor, tile[full + row % full])
    })
}

/// Values that a tile keeps of each of its queries: maximum, sum, slope and position.
pub(super) const STATE: usize = 4;

/// Queries per row of a tile's transposed matrices.
#[inline(always)]
pub(super) fn stride<V: Vector>(tile: Tile) -> usize {
    (tile.rows.1 - tile.rows.0).next_multiple_of(V::LANES)
}

#[inline(always)]
unsafe fn start_tile<V: Vector, A: Arithmetic<V>>(job: &Job, tile: Tile, depth: usize) {
    // SAFETY: `rows` are the tile's queries padded to whole vectors; the tile's parts have room for as many.
    unsafe {
        let stride = stride::<V>(tile);
        let start = (tile.rows.0 - job.rows.start) * depth;
        let rows = &job.queries[start..start + stride * depth];
        transpose::<V>(rows.as_ptr(), depth, tile.queries, stride, stride, depth);
        A::queries(tile.queries, depth, stride);
        for lane in 0..stride {
            *tile.maximum.add(lane) = f32::NEG_INFINITY;
            *tile.sum.add(lane) = 0.0;
        }
        start_slopes(job, tile, stride);
    }
}

/// What the tile needs of its queries for `ALiBi`.
#[inline(always)]
pub(super) unsafe fn start_slopes(job: &Job, tile: Tile, stride: usize) {
    // SAFETY: the tile's parts have room for `stride` values.
    unsafe {
        if let Some(slopes) = job.per_head.alibi_slopes {
            for (lane, row) in (tile.rows.0..tile.rows.0 + stride).enumerate() {
                // Lanes behind the last row are computed like it.
                let (member, query) = job.index.of(row.min(tile.rows.1 - 1));
                *tile.slope.add(lane) = -slopes[member] * job.scoring.of_bias();
                *tile.position.add(lane) = job.span.position(query) as f32;
            }
        }
    }
}

/// Divide by the sums (rows that saw nothing are zero) and transpose into the result's rows.
#[inline(always)]
unsafe fn finish_tile<V: Vector>(job: &Job, tile: Tile, results: &mut [f32]) {
    // SAFETY: the context has `width` padded rows of `stride`, and `results` that many columns for whole vectors of rows.
    unsafe {
        let (stride, width) = (stride::<V>(tile), padded(job.width));
        assert!(results.len() >= stride * width);
        if let Some(sinks) = job.per_head.sinks {
            for (lane, row) in (tile.rows.0..tile.rows.1).enumerate() {
                let (maximum, sum) = (*tile.maximum.add(lane), *tile.sum.add(lane));
                let sink = sinks[job.index.of(row).0];
                let factor = normalizer(maximum * job.scoring.to_exponent(), sum, Some(sink));
                *tile.sum.add(lane) = if factor == 0.0 { 0.0 } else { 1.0 / factor };
            }
        }
        for lane in (0..stride).step_by(V::LANES) {
            let sum = V::load(tile.sum.add(lane));
            let inverse = V::splat(1.0).div(sum);
            let inverse = sum.select_less(V::splat(f32::MIN_POSITIVE), V::splat(0.0), inverse);
            for column in 0..job.width {
                let at = tile.context.add(column * stride + lane);
                V::load(at).mul(inverse).store(at);
            }
        }
        transpose::<V>(tile.context, stride, results.as_mut_ptr(), width, width, stride);
    }
}

/// Rows of keys or values as `f32`: the caller's own where they lie evenly, or widened into `buffer`.
#[inline(always)]
pub(super) unsafe fn widened<V: Vector>(
    rows: &AnyRows,
    range: Range<usize>,
    scales: &mut Buffer,
    buffer: &mut Buffer,
) -> Matrix<f32> {
    if let AnyRows::F32(rows @ HeadRows::Whole(_)) = rows {
        return rows.start(range);
    }
    let stride = padded(rows.columns());
    let to = buffer.take(range.len() * stride).as_mut_ptr();
    // SAFETY: the buffer has a padded row for each of `range`, and there is a scale for each where it is read.
    unsafe {
        match rows {
            AnyRows::F32(rows) => widen::<V, f32>(rows, range, None, to, stride),
            AnyRows::F16(rows) => widen::<V, f16>(rows, range, None, to, stride),
            AnyRows::Bf16(rows) => widen::<V, bf16>(rows, range, None, to, stride),
            AnyRows::Int8 { rows, scales: from } => {
                let scales = scales.take(BLOCK);
                copy_scales(from, range.clone(), scales);
                widen::<V, i8>(rows, range, Some(scales.as_ptr()), to, stride);
            }
        }
    }
    Matrix { start: to, stride: stride as isize }
}

/// How a block's scores are biased.
#[derive(Clone, Copy)]
pub(super) enum Bias {
    None,
    /// One value per key.
    PerKey(*const f32),
    /// Transposed like the scores.
    PerQuery(*const f32),
}

/// The bias of a tile's block and the keys that it leaves, or `None` if the mask hides all of them.
#[inline(always)]
pub(super) unsafe fn bias<V: Vector>(
    job: &Job,
    tile: Tile,
    keys: Range<usize>,
    rows: &mut Buffer,
    bias: &mut Buffer,
) -> Option<(Bias, Range<usize>)> {
    if matches!(job.mask, GroupMask::None) {
        return Some((Bias::None, keys));
    }
    let stride = stride::<V>(tile);
    let rows = rows.take(stride * BLOCK);
    let common = shared(&job.mask);
    let range = if common { tile.rows.0..tile.rows.0 + 1 } else { tile.rows.0..tile.rows.1 };
    let count = range.len();
    let (effect, seen) = fill(&job.mask, job.index, range, &keys, job.scoring.of_bias(), rows);
    let skipped = seen.start - keys.start;
    match effect {
        Effect::Hides => None,
        Effect::Nothing => Some((Bias::None, keys)),
        Effect::Changes if common => Some((Bias::PerKey(rows[skipped..].as_ptr()), seen)),
        Effect::Changes => {
            rows[count * BLOCK..].fill(0.0);
            let bias = bias.take(stride * BLOCK);
            // SAFETY: both buffers hold `BLOCK` times `stride` values.
            unsafe { transpose::<V>(rows.as_ptr(), BLOCK, bias.as_mut_ptr(), stride, stride, keys.len()) };
            Some((Bias::PerQuery(bias[skipped * stride..].as_ptr()), seen))
        }
    }
}

/// The keys of a block that a tile sees.
pub(super) struct Part<K> {
    pub bias: Bias,
    pub start: usize,
    pub count: usize,
    pub keys: Matrix<K>,
    pub values: Matrix<f32>,
    pub scores: *mut f32,
}

/// One step of the running softmax: new maximum, old sums decayed, new exponentials added.
#[inline(always)]
unsafe fn update<V: Vector, A: Arithmetic<V>, const QV: usize, const NR: usize>(
    job: &Job,
    tile: Tile,
    part: &Part<A::Key>,
) {
    // SAFETY: `stream` gave the tile `QV` vectors per row everywhere, and `part` its `count` rows.
    unsafe {
        let stored = part.scores;
        let mut maxima = scores::<V, A, QV, NR>(tile.queries, part.keys, job.depth, part.count, stored);
        transform::<V, A::Key, QV>(job, tile, part, &mut maxima);
        let factor = V::splat(job.scoring.to_exponent());
        // Differences are taken before they are multiplied: a row of equal scores, however far from 0, has weights of 1.
        let mut largest = [V::splat(0.0); QV];
        let mut decay = [V::splat(0.0); QV];
        for j in 0..QV {
            let at = tile.maximum.add(j * V::LANES);
            let old = V::load(at);
            let new = old.max(maxima[j]);
            new.store(at);
            // A query that has seen nothing yet has maximum -inf; anything finite instead makes its exponentials zero.
            largest[j] = new.select_less(V::splat(f32::MIN), V::splat(0.0), new);
            decay[j] = exp2(old.sub(largest[j]).mul(factor));
        }
        let mut sums = [V::splat(0.0); QV];
        A::weigh(stored, part.count, &largest, factor, &mut sums);
        for j in 0..QV {
            let at = tile.sum.add(j * V::LANES);
            V::load(at).mul_add(decay[j], sums[j]).store(at);
        }
        accumulate::<V, A, QV, NR>(stored, part.values, job.width, part.count, tile.context, &decay);
    }
}

/// Scale, cap, bias and bound the scores where the job and the block need it, and find the maxima anew.
#[inline(always)]
pub(super) unsafe fn transform<V: Vector, K, const QV: usize>(
    job: &Job,
    tile: Tile,
    part: &Part<K>,
    maxima: &mut [V; QV],
) {
    let bounded = bounds(job, tile, part);
    let sloped = job.per_head.alibi_slopes.is_some();
    if !job.scoring.scale_first && matches!(part.bias, Bias::None) && bounded.is_none() && !sloped {
        return;
    }
    // SAFETY: scores and biases have `count` rows of `QV` vectors, the tile's state has one of each.
    unsafe {
        *maxima = [V::splat(f32::NEG_INFINITY); QV];
        let (mut low, mut high) = ([V::splat(0.0); QV], [V::splat(0.0); QV]);
        if let Some((lows, highs)) = &bounded {
            for j in 0..QV {
                low[j] = V::load(lows.as_ptr().add(j * V::LANES));
                high[j] = V::load(highs.as_ptr().add(j * V::LANES));
            }
        }
        let (mut slope, mut position) = ([V::splat(0.0); QV], [V::splat(0.0); QV]);
        if sloped {
            for j in 0..QV {
                slope[j] = V::load(tile.slope.add(j * V::LANES));
                position[j] = V::load(tile.position.add(j * V::LANES)).sub(V::splat(part.start as f32));
            }
        }
        for key in 0..part.count {
            for j in 0..QV {
                let at = (key * QV + j) * V::LANES;
                let mut score = V::load(part.scores.add(at));
                if job.scoring.scale_first {
                    score = score.mul(V::splat(job.scoring.scale));
                    if let Some(cap) = job.scoring.softcap {
                        score = tanh(score.mul(V::splat(1.0 / cap))).mul(V::splat(cap));
                    }
                }
                match part.bias {
                    Bias::None => {}
                    Bias::PerKey(bias) => score = score.add(V::splat(*bias.add(key))),
                    Bias::PerQuery(bias) => score = score.add(V::load(bias.add(at))),
                }
                if sloped {
                    score = slope[j].mul_add(abs(position[j].sub(V::splat(key as f32))), score);
                }
                if bounded.is_some() {
                    score = score.keep_between(V::splat(key as f32), low[j], high[j]);
                }
                maxima[j] = maxima[j].max(score);
                score.store(part.scores.add(at));
            }
        }
    }
}

/// At most this many queries are in a tile.
const MAX_TILE: usize = 48;

/// First and last key of each query relative to the block, or `None` if all see all of it.
#[inline(always)]
fn bounds<K>(job: &Job, tile: Tile, part: &Part<K>) -> Option<([f32; MAX_TILE], [f32; MAX_TILE])> {
    let (start, last) = (part.start as i64, (part.start + part.count) as i64 - 1);
    let sees_all = |row| {
        let (low, high) = job.span.of(job.index.of(row).1);
        low <= start && high >= last
    };
    // Between its first and last row a tile of one head only moves on; one of several heads is looked at whole.
    let (first, end) = tile.rows;
    let one_head = job.index.of(first).0 == job.index.of(end - 1).0;
    let all = if one_head { sees_all(first) && sees_all(end - 1) } else { (first..end).all(sees_all) };
    if all {
        return None;
    }
    let (mut lows, mut highs) = ([0.0; MAX_TILE], [0.0; MAX_TILE]);
    for (lane, row) in (first..end).enumerate() {
        let (low, high) = job.span.of(job.index.of(row).1);
        lows[lane] = (low - start).clamp(-1, BLOCK as i64) as f32;
        highs[lane] = (high - start).clamp(-1, BLOCK as i64) as f32;
    }
    Some((lows, highs))
}
