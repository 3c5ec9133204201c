//! The query heads that share a key/value head of one sequence: what tasks are made of.

use std::any::TypeId;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use ferrolm_base::Cancel;
use ferrolm_base::simd::Level;
use half::bf16;
use ndarray::{ArrayView3, Axis};

use crate::arch::scratch::Scratch;
use crate::arch::stream::{TILES, padded};
use crate::arch::{self, RowIndex, decode, stream};
use crate::mask::GroupMask;
use crate::rows::AnyRows;
use crate::scoring::{Scoring, normalizer};
use crate::span::Span;
use crate::{Element, PerHead};

/// Queries per task when there are many.
pub(crate) const TASK_ROWS: usize = TILES * 48;

/// The sizes of a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Query heads per key/value head.
    pub group: usize,
    pub q_len: usize,
    pub k_len: usize,
    pub depth: usize,
    pub width: usize,
}

impl Shape {
    /// Query rows that share the key/value head.
    pub(crate) fn rows(&self) -> usize {
        self.group * self.q_len
    }

    /// Values of the result.
    pub(crate) fn len(&self) -> usize {
        self.rows() * self.width
    }

    /// Whether one pass over the keys serves all rows.
    pub(crate) fn has_few_rows(&self) -> bool {
        self.rows() <= decode::MAX_ROWS
    }

    /// Values of the partial results of all rows for a part of the keys.
    pub(crate) fn partial_len(&self) -> usize {
        self.rows() * decode::partial_len(self.width)
    }

    /// The key ranges that few rows are split over.
    pub(crate) fn parts(&self, keys_per_part: usize) -> impl ExactSizeIterator<Item = Range<usize>> + use<> {
        let keys = self.k_len;
        let size = keys_per_part.min(keys.max(1));
        (0..keys.max(1)).step_by(size).map(move |at| at..(at + size).min(keys))
    }

    /// The row ranges of the tasks: within one query head where those are long.
    pub(crate) fn row_blocks(&self, most: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let span = if self.q_len >= TASK_ROWS / TILES { self.q_len } else { self.rows() };
        // Blocks of nearly one size, in whole tiles.
        let blocks = span.div_ceil(most).max(1);
        let size = span.div_ceil(blocks).next_multiple_of(TASK_ROWS / TILES).max(1);
        let starts = (0..self.rows()).step_by(span.max(1));
        starts.flat_map(move |head| {
            (0..span).step_by(size).map(move |at| head + at..head + (at + size).min(span))
        })
    }

    /// From 40 GFLOP/s and 10 GB/s, of one thread.
    pub(crate) fn expected_seconds(&self, element: usize) -> f64 {
        let values = (self.k_len * (self.depth + self.width)) as f64;
        values * (self.rows() as f64 * 2.0 / 40e9 + element as f64 / 10e9)
    }
}

/// Query heads per key/value head, or why there is no such number.
pub(crate) fn group_size(heads: usize, kv_heads: usize, grouped: bool) -> Result<usize, &'static str> {
    if heads != kv_heads && !grouped {
        return Err("query and key have different numbers of heads; enable_gqa allows a multiple");
    }
    if heads != kv_heads && (kv_heads == 0 || !heads.is_multiple_of(kv_heads)) {
        return Err("the query heads are not a multiple of the key heads");
    }
    Ok(heads.checked_div(kv_heads).unwrap_or(1))
}

/// One group.
pub(crate) struct Group<'a, E: Element> {
    pub shape: Shape,
    /// (heads, `q_len`, d) of the sequence, the last axis contiguous.
    pub queries: ArrayView3<'a, E>,
    /// The first of those heads that is the group's own.
    pub first_head: usize,
    pub keys: AnyRows<'a>,
    pub values: AnyRows<'a>,
    pub mask: GroupMask<'a>,
    pub span: Span,
    pub scoring: Scoring,
    pub per_head: PerHead<'a>,
    /// Where each row leaves the bits of its log-sum, if that is wanted.
    pub log_sums: Option<&'a [AtomicU32]>,
}

impl<E: Element> Group<'_, E> {
    pub(crate) fn index(&self) -> RowIndex {
        RowIndex { q_len: self.shape.q_len }
    }

    fn all_bf16(&self) -> bool {
        TypeId::of::<E>() == TypeId::of::<bf16>()
            && matches!((&self.keys, &self.values), (AnyRows::Bf16(_), AnyRows::Bf16(_)))
    }

    /// Widen `rows` of the queries (or of an array like them), padded with zeros to `to`'s rows.
    pub(crate) fn pack(&self, queries: &ArrayView3<'_, E>, rows: Range<usize>, to: &mut [f32]) {
        let depth = queries.dim().2;
        let stride = padded(depth);
        let count = rows.len();
        for (row, to) in rows.zip(to.chunks_exact_mut(stride)) {
            let (member, query) = self.index().of(row);
            let from = queries.index_axis(Axis(0), self.first_head + member).index_axis_move(Axis(0), query);
            if let Some(from) = from.as_slice() {
                E::widen(from, &mut to[..depth]);
            }
            to[depth..].fill(0.0);
        }
        to[count * stride..].fill(0.0);
    }

    /// The context of `rows`.
    pub(crate) fn many_rows(&self, level: Level, rows: Range<usize>, cancel: &Cancel, out: &mut [E]) {
        if cancel.is_cancelled() {
            return;
        }
        let Shape { depth, width, .. } = self.shape;
        Scratch::with(|scratch| {
            let tile = arch::tile_rows(level);
            let queries = scratch.queries.take(rows.len().next_multiple_of(tile) * padded(depth));
            self.pack(&self.queries, rows.clone(), queries);
            let results = scratch.results.take(rows.len().next_multiple_of(tile) * padded(width));
            let job = stream::Job {
                queries,
                all_bf16: self.all_bf16(),
                rows,
                index: self.index(),
                depth,
                width,
                keys: &self.keys,
                values: &self.values,
                mask: self.mask,
                span: self.span,
                scoring: self.scoring,
                per_head: self.per_head,
                cancel,
            };
            arch::stream(level, &job, &mut scratch.arch, results);
            if self.log_sums.is_some() {
                let sums = stream::sums(&job, &mut scratch.arch, tile);
                for (row, (maximum, sum)) in job.rows.clone().zip(sums) {
                    self.keep(row, maximum, sum);
                }
            }
            let results = results.chunks_exact(padded(width));
            for (out, result) in out.chunks_exact_mut(width).zip(results) {
                E::narrow(&result[..width], out);
            }
        });
    }

    /// The partial result of all rows, which are few, for the keys of `range`.
    pub(crate) fn few_rows(&self, level: Level, range: Range<usize>, cancel: &Cancel, partial: &mut [f32]) {
        if cancel.is_cancelled() {
            return;
        }
        let Shape { depth, width, .. } = self.shape;
        Scratch::with(|scratch| {
            let rows = self.shape.rows();
            let queries = scratch.queries.take(rows.next_power_of_two() * padded(depth));
            self.pack(&self.queries, 0..rows, queries);
            let job = decode::Job {
                queries,
                all_bf16: self.all_bf16(),
                rows,
                index: self.index(),
                depth,
                width,
                keys: &self.keys,
                values: &self.values,
                range,
                mask: self.mask,
                span: self.span,
                scoring: self.scoring,
                alibi_slopes: self.per_head.alibi_slopes,
            };
            arch::decode(level, &job, &mut scratch.arch, partial);
        });
    }

    /// Leave the log-sum of a row whose exponents were taken relative to `maximum`. Rows that see nothing have infinity.
    fn keep(&self, row: usize, maximum: f32, sum: f32) {
        if let Some(log_sums) = self.log_sums {
            let value = if sum == 0.0 { f32::INFINITY } else { maximum + sum.log2() };
            log_sums[row].store(value.to_bits(), Ordering::Relaxed);
        }
    }

    /// Add the parts of few rows under their common maximum, in the first of them, and normalize.
    pub(crate) fn merge(&self, partials: &mut [f32], out: &mut [E]) {
        let (rows, width) = (self.shape.rows(), self.shape.width);
        let len = decode::partial_len(width);
        let (first, others) = partials.split_at_mut(self.shape.partial_len());
        for (row, (out, first)) in out.chunks_exact_mut(width).zip(first.chunks_exact_mut(len)).enumerate() {
            let parts = || others.chunks_exact(len).skip(row).step_by(rows);
            let maximum = parts().map(|part| part[0]).fold(first[0], f32::max);
            let shift = if maximum == f32::NEG_INFINITY { 0.0 } else { maximum };
            let (own, mut sum) = (first[0], first[1]);
            let context = &mut first[2..][..width];
            if !others.is_empty() {
                let weight = (own - shift).exp2();
                sum *= weight;
                for value in &mut *context {
                    *value *= weight;
                }
            }
            for part in parts() {
                let weight = (part[0] - shift).exp2();
                sum += weight * part[1];
                for (to, from) in context.iter_mut().zip(&part[2..]) {
                    *to += weight * from;
                }
            }
            let sink = self.per_head.sinks.map(|sinks| sinks[self.index().of(row).0]);
            let factor = normalizer(maximum, sum, sink);
            self.keep(row, maximum, if factor == 0.0 { 0.0 } else { 1.0 / factor });
            for value in &mut *context {
                *value *= factor;
            }
            E::narrow(context, out);
        }
    }
}
