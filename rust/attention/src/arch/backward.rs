//! Gradients of a block: the weights computed again from the scores, and the five products around them.
//!
//! With `P` the weights of a tile of queries for a block of keys, lanes along queries as in [`stream`](super::stream):
//!
//! ```text
//! dV += P dO      dP = V dOᵀ      dS = scale · P ∘ (dP − D)      dQ += Kᵀ dS      dK += dS Q      D = Σ dO ∘ O
//! ```
//!
//! `P`, `dP` and `dQ` are the products of [`tile`](super::tile), with lanes along queries; `dV` and `dK` sum over
//! queries, and so have their lanes along the head dimension.

use std::ops::Range;

use super::arithmetic::Wide;
use super::mask_tile::{BLOCK, transpose};
use super::scratch::KernelScratch;
use super::stream::{self, Part, STATE, Tile, bias, padded, start_slopes, transform, widened};
use super::tile::{accumulate, scores};
use super::vector::{Vector, exp2, tanh};

/// Gradients of some rows of the queries that share a key/value head, and what they add to those of a range of its keys.
pub(crate) struct Job<'s, 'a> {
    pub forward: stream::Job<'s, 'a>,
    /// Gradients of the contexts, row-major like the queries: rows of `width` [`padded`] with zeros.
    pub contexts: &'s [f32],
    /// For each row (up to whole tiles) the log-sum of the forward pass; infinity beyond the last.
    pub log_sums: &'s [f32],
    /// For each row (up to whole tiles) the product of its context and that one's gradient.
    pub means: &'s [f32],
    /// Whole blocks, except for the last.
    pub keys: Range<usize>,
}

/// Where the gradients go; rows are contiguous and not padded.
pub(crate) struct Sums<'a> {
    /// Of the job's rows, overwritten, but [`padded`] and up to whole tiles.
    pub query: &'a mut [f32],
    /// Of the job's keys, added to.
    pub key: &'a mut [f32],
    pub value: &'a mut [f32],
}

/// Buffers of one block.
#[derive(Clone, Copy)]
struct Block {
    /// Gradients of the weights, then of the scores: like the scores.
    products: *mut f32,
    /// Derivatives of soft-capping: like the scores.
    slopes: *mut f32,
    /// Gradients of the block's keys and values: rows of `depth` and `width` padded.
    keys: *mut f32,
    values: *mut f32,
}

/// A tile of queries, beside what the forward pass has of it.
#[derive(Clone, Copy)]
struct Side {
    /// Transposed like the tile's queries.
    contexts: *mut f32,
    /// Row-major.
    query_rows: *const f32,
    context_rows: *const f32,
}

/// # Safety
/// The CPU has `V`'s instruction set.
#[inline(always)]
pub(super) unsafe fn backward<V: Vector, const NR: usize>(
    job: &Job,
    scratch: &mut KernelScratch,
    sums: &mut Sums,
) {
    let forward = &job.forward;
    let full = 3 * V::LANES;
    let rows = &forward.rows;
    let tiles = rows.len().div_ceil(full);
    let (depth, width) = (padded(forward.depth), padded(forward.width));
    assert!(job.log_sums.len() >= tiles * full && job.means.len() >= tiles * full);
    assert!(forward.queries.len() >= tiles * full * depth && job.contexts.len() >= tiles * full * width);
    assert!(sums.query.len() >= tiles * full * depth);
    let queries = scratch.transposed.take(tiles * depth * full).as_mut_ptr();
    let contexts = scratch.contexts.take(tiles * width * full).as_mut_ptr();
    let results = scratch.context.take(tiles * depth * full);
    results.fill(0.0);
    let results = results.as_mut_ptr();
    let state = scratch.state.take(tiles * STATE * full);
    for (t, state) in state.chunks_exact_mut(STATE * full).enumerate() {
        state[..full].copy_from_slice(&job.log_sums[t * full..(t + 1) * full]);
        state[full..2 * full].copy_from_slice(&job.means[t * full..(t + 1) * full]);
    }
    let state = state.as_mut_ptr();
    let scores = scratch.scores.take(BLOCK * full).as_mut_ptr();
    let key_sums = scratch.key_sums.take(BLOCK * depth);
    let value_sums = scratch.value_sums.take(BLOCK * width);
    let buffers = Block {
        products: scratch.products.take(BLOCK * full).as_mut_ptr(),
        slopes: scratch.slopes.take(BLOCK * full).as_mut_ptr(),
        keys: key_sums.as_mut_ptr(),
        values: value_sums.as_mut_ptr(),
    };
    let visible = forward.visible(rows.clone());
    let visible = visible.start.max(job.keys.start)..visible.end.min(job.keys.end);
    // SAFETY: the buffers are taken large enough for all tiles, and each tile is passed its own part of them.
    unsafe {
        let tile_at = |t: usize| Tile {
            rows: (rows.start + t * full, rows.end.min(rows.start + (t + 1) * full)),
            queries: queries.add(t * depth * full),
            context: results.add(t * depth * full),
            maximum: state.add(t * STATE * full),
            sum: state.add((t * STATE + 1) * full),
            slope: state.add((t * STATE + 2) * full),
            position: state.add((t * STATE + 3) * full),
        };
        let side_at = |t: usize| Side {
            contexts: contexts.add(t * width * full),
            query_rows: forward.queries.as_ptr().add(t * full * depth),
            context_rows: job.contexts.as_ptr().add(t * full * width),
        };
        for t in 0..tiles {
            let (tile, side) = (tile_at(t), side_at(t));
            let stride = stream::stride::<V>(tile);
            transpose::<V>(side.query_rows, depth, tile.queries, stride, stride, depth);
            transpose::<V>(side.context_rows, width, side.contexts, stride, stride, width);
            start_slopes(forward, tile, stride);
        }
        let mut block = visible.start - visible.start % BLOCK;
        while block < visible.end && !forward.cancel.is_cancelled() {
            let keys = block..(block + BLOCK).min(visible.end);
            let key_rows = widened::<V>(forward.keys, keys.clone(), &mut scratch.rows, &mut scratch.keys);
            let value_rows =
                widened::<V>(forward.values, keys.clone(), &mut scratch.rows, &mut scratch.values);
            key_sums[..keys.len() * depth].fill(0.0);
            value_sums[..keys.len() * width].fill(0.0);
            for t in 0..tiles {
                let tile = tile_at(t);
                let seen = forward.visible(tile.rows.0..tile.rows.1);
                let seen = seen.start.max(keys.start)..seen.end.min(keys.end);
                if seen.is_empty() {
                    continue;
                }
                let masks = &mut scratch.rows;
                let Some((bias, seen)) = bias::<V>(forward, tile, seen, masks, &mut scratch.bias) else {
                    continue;
                };
                let skipped = seen.start - block;
                let part = Part {
                    bias,
                    start: seen.start,
                    count: seen.len(),
                    keys: key_rows.from(skipped),
                    values: value_rows.from(skipped),
                    scores,
                };
                let buffers = Block {
                    keys: buffers.keys.add(skipped * depth),
                    values: buffers.values.add(skipped * width),
                    ..buffers
                };
                match (tile.rows.1 - tile.rows.0).div_ceil(V::LANES) {
                    1 => update::<V, 1, NR>(job, tile, side_at(t), &part, buffers),
                    2 => update::<V, 2, NR>(job, tile, side_at(t), &part, buffers),
                    _ => update::<V, 3, NR>(job, tile, side_at(t), &part, buffers),
                }
            }
            let done = keys.start - job.keys.start..keys.end - job.keys.start;
            add_rows(key_sums, depth, &mut sums.key[done.start * forward.depth..], forward.depth, done.len());
            add_rows(
                value_sums,
                width,
                &mut sums.value[done.start * forward.width..],
                forward.width,
                done.len(),
            );
            block += BLOCK;
        }
        for t in 0..tiles {
            let tile = tile_at(t);
            let stride = stream::stride::<V>(tile);
            let to = sums.query.as_mut_ptr().add(t * full * depth);
            transpose::<V>(tile.context, stride, to, depth, depth, stride);
        }
    }
}

/// Add `count` rows of `columns` values, which in `from` are `stride` apart and in `to` contiguous.
#[inline(always)]
fn add_rows(from: &[f32], stride: usize, to: &mut [f32], columns: usize, count: usize) {
    if columns == 0 {
        return;
    }
    for (from, to) in from.chunks_exact(stride).zip(to.chunks_exact_mut(columns)).take(count) {
        for (to, from) in to.iter_mut().zip(from) {
            *to += from;
        }
    }
}

#[inline(always)]
unsafe fn update<V: Vector, const QV: usize, const NR: usize>(
    job: &Job,
    tile: Tile,
    side: Side,
    part: &Part<f32>,
    block: Block,
) {
    let forward = &job.forward;
    let (count, rows) = (part.count, tile.rows.1 - tile.rows.0);
    // SAFETY: `backward` gave the tile `QV` vectors per row everywhere, and the block `count` rows.
    unsafe {
        let zero = V::splat(0.0);
        let mut maxima =
            scores::<V, Wide, QV, NR>(tile.queries, part.keys, forward.depth, count, part.scores);
        if let Some(cap) = forward.scoring.softcap {
            slopes::<V, QV>(part.scores, count, forward.scoring.scale / cap, block.slopes);
        }
        transform::<V, f32, QV>(forward, tile, part, &mut maxima);
        let factor = V::splat(forward.scoring.to_exponent());
        let (mut log_sums, mut means) = ([zero; QV], [zero; QV]);
        for j in 0..QV {
            log_sums[j] = zero.sub(V::load(tile.maximum.add(j * V::LANES)));
            means[j] = V::load(tile.sum.add(j * V::LANES));
        }
        for key in 0..count {
            for (j, log_sum) in log_sums.iter().enumerate() {
                let at = part.scores.add((key * QV + j) * V::LANES);
                // No weight is above 1; where scores are huge, rounding could say so.
                let negated = zero.max(zero.sub(V::load(at).mul_add(factor, *log_sum)));
                exp2(zero.sub(negated)).store(at);
            }
        }
        let width = padded(forward.width);
        outer::<V, NR>(part.scores, QV * V::LANES, count, side.context_rows, rows, width, block.values);
        scores::<V, Wide, QV, NR>(side.contexts, part.values, forward.width, count, block.products);
        let scale = V::splat(forward.scoring.scale);
        for key in 0..count {
            for (j, mean) in means.iter().enumerate() {
                let at = (key * QV + j) * V::LANES;
                let weight = V::load(part.scores.add(at));
                let mut slope = V::load(block.products.add(at)).sub(*mean).mul(weight.mul(scale));
                if forward.scoring.softcap.is_some() {
                    slope = slope.mul(V::load(block.slopes.add(at)));
                }
                // Hidden values may be anything, and 0 · ∞ is not 0.
                weight.select_less(V::splat(f32::MIN_POSITIVE), zero, slope).store(block.products.add(at));
            }
        }
        let keep = [V::splat(1.0); QV];
        accumulate::<V, Wide, QV, NR>(block.products, part.keys, forward.depth, count, tile.context, &keep);
        let depth = padded(forward.depth);
        outer::<V, NR>(block.products, QV * V::LANES, count, side.query_rows, rows, depth, block.keys);
    }
}

/// `slopes = 1 - tanh²(scores · factor)`, the derivative of a soft-capped score by the score.
#[inline(always)]
unsafe fn slopes<V: Vector, const QV: usize>(
    scores: *const f32,
    count: usize,
    factor: f32,
    slopes: *mut f32,
) {
    for vector in 0..count * QV {
        let at = vector * V::LANES;
        // SAFETY: both have `count` rows of `QV` vectors.
        unsafe {
            let tangent = tanh(V::load(scores.add(at)).mul(V::splat(factor)));
            V::splat(0.0).sub(tangent).mul_add(tangent, V::splat(1.0)).store(slopes.add(at));
        }
    }
}

/// `out[key][column] += Σ weights[key][row] * values[row][column]` for `count` keys and `rows` rows.
///
/// # Safety
/// The CPU has `V`'s instruction set; `weights` has `count` rows of `lanes` values, `values` `rows` rows of `stride`,
/// and `out` `count` such rows; `stride` is a multiple of 16.
#[inline(always)]
unsafe fn outer<V: Vector, const NR: usize>(
    weights: *const f32,
    lanes: usize,
    count: usize,
    values: *const f32,
    rows: usize,
    stride: usize,
    out: *mut f32,
) {
    let mut column = 0;
    while column < stride {
        let left = (stride - column) / V::LANES;
        // SAFETY: `left` vectors are left in each row.
        unsafe {
            let (values, out) = (values.add(column), out.add(column));
            // Two and two keep the units busier than three and one.
            let taken = if left == 4 { 2 } else { left.min(3) };
            match taken {
                1 => outer_columns::<V, 1, NR>(weights, lanes, count, values, rows, stride, out),
                2 => outer_columns::<V, 2, NR>(weights, lanes, count, values, rows, stride, out),
                _ => outer_columns::<V, 3, NR>(weights, lanes, count, values, rows, stride, out),
            }
            column += taken * V::LANES;
        }
    }
}

#[inline(always)]
unsafe fn outer_columns<V: Vector, const CV: usize, const NR: usize>(
    weights: *const f32,
    lanes: usize,
    count: usize,
    values: *const f32,
    rows: usize,
    stride: usize,
    out: *mut f32,
) {
    let mut key = 0;
    // SAFETY: as for `outer`; every group stays within `count` keys.
    unsafe {
        while key + NR <= count {
            let (weights, out) = (weights.add(key * lanes), out.add(key * stride));
            outer_group::<V, CV, NR>(weights, lanes, values, rows, stride, out);
            key += NR;
        }
        if key + 2 <= count {
            let (weights, out) = (weights.add(key * lanes), out.add(key * stride));
            outer_group::<V, CV, 2>(weights, lanes, values, rows, stride, out);
            key += 2;
        }
        while key < count {
            let (weights, out) = (weights.add(key * lanes), out.add(key * stride));
            outer_group::<V, CV, 1>(weights, lanes, values, rows, stride, out);
            key += 1;
        }
    }
}

#[inline(always)]
unsafe fn outer_group<V: Vector, const CV: usize, const NR: usize>(
    weights: *const f32,
    lanes: usize,
    values: *const f32,
    rows: usize,
    stride: usize,
    out: *mut f32,
) {
    // SAFETY: as for `outer`, with `count = NR` and `CV` vectors of columns.
    unsafe {
        let mut sums = [[V::splat(0.0); CV]; NR];
        for (i, sums) in sums.iter_mut().enumerate() {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(out.add(i * stride + j * V::LANES));
            }
        }
        for row in 0..rows {
            let mut columns = [V::splat(0.0); CV];
            for (j, column) in columns.iter_mut().enumerate() {
                *column = V::load(values.add(row * stride + j * V::LANES));
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let weight = V::splat(*weights.add(i * lanes + row));
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = weight.mul_add(column, *sum);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                sum.store(out.add(i * stride + j * V::LANES));
            }
        }
    }
}
