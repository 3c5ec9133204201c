//! From arrays to tasks and back: validation, the split of the work, and the merge of its parts.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use ferrolm_base::simd::{self, Level};
use ferrolm_base::{Cancel, pool};
use ndarray::{ArrayView2, ArrayView4, Axis, CowArray, Ix4};
use rayon::prelude::*;

use crate::arch::scratch::Scratch;
use crate::arch::stream::{Scoring, TILES, padded};
use crate::arch::{self, RowIndex, decode, stream};
use crate::span::Span;
use crate::{AttentionError, Element, Mask, Options};

/// The arguments of one call, found to fit each other.
///
/// `query` is `(batch, heads, q_len, d)`, `key` `(batch, kv_heads, k_len, d)`, `value` `(batch, kv_heads, k_len, dv)`,
/// where `heads` is a multiple of `kv_heads`: query head `h` attends with key/value head `h / (heads / kv_heads)`.
/// Any strides; arrays whose last axis is not contiguous are copied.
#[derive(Debug)]
pub struct Call<'a, E: Element> {
    pub(crate) query: CowArray<'a, E, Ix4>,
    pub(crate) key: CowArray<'a, E, Ix4>,
    pub(crate) value: CowArray<'a, E, Ix4>,
    pub(crate) mask: Mask<'a>,
    options: Options,
    pub(crate) sizes: Sizes,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub batch: usize,
    pub kv_heads: usize,
    /// Query heads per key/value head.
    pub group: usize,
    pub q_len: usize,
    pub k_len: usize,
    pub depth: usize,
    pub width: usize,
}

/// Queries per task when there are many.
const TASK_ROWS: usize = TILES * 48;
/// A call expected to take less runs on the calling thread: waking others takes about a tenth of it.
const BRIEF_SECONDS: f64 = 100e-6;
/// Alone there is nobody to wake, and only Ctrl-C to be answered in time.
const BRIEF_SECONDS_ALONE: f64 = 20e-3;

impl<'a, E: Element> Call<'a, E> {
    /// # Errors
    /// If shapes do not fit or an option is out of its range.
    #[expect(clippy::needless_pass_by_value, reason = "views are passed like slices")]
    pub fn new(
        query: ArrayView4<'a, E>,
        key: ArrayView4<'a, E>,
        value: ArrayView4<'a, E>,
        mask: Mask<'a>,
        options: Options,
    ) -> Result<Self, AttentionError> {
        options.check()?;
        let sizes = Sizes::new(query.dim(), key.dim(), value.dim(), options.grouped)?;
        mask.broadcast(sizes.scores_shape())?;
        let (query, key, value) = (with_rows(query), with_rows(key), with_rows(value));
        Ok(Self { query, key, value, mask, options, sizes })
    }

    /// `(batch, heads, q_len, dv)`.
    pub fn output_shape(&self) -> [usize; 4] {
        let Sizes { batch, kv_heads, group, q_len, width, .. } = self.sizes;
        [batch, kv_heads * group, q_len, width]
    }

    /// Whether the call is too short to be worth other threads or a watch for interrupts.
    pub fn is_brief(&self) -> bool {
        let limit = if pool::num_threads() > 1 { BRIEF_SECONDS } else { BRIEF_SECONDS_ALONE };
        self.expected_seconds() < limit
    }

    /// From 40 GFLOP/s and 10 GB/s, of one thread.
    pub(crate) fn expected_seconds(&self) -> f64 {
        let Sizes { batch, kv_heads, group, q_len, k_len, depth, width } = self.sizes;
        let values = (batch * kv_heads * k_len * (depth + width)) as f64;
        values * ((group * q_len) as f64 * 2.0 / 40e9 + size_of::<E>() as f64 / 10e9)
    }
}

impl Sizes {
    fn new(
        query: (usize, usize, usize, usize),
        key: (usize, usize, usize, usize),
        value: (usize, usize, usize, usize),
        grouped: bool,
    ) -> Result<Self, AttentionError> {
        let list = |d: (usize, usize, usize, usize)| vec![d.0, d.1, d.2, d.3];
        let failed = |reason| {
            Err(AttentionError::Shapes { query: list(query), key: list(key), value: list(value), reason })
        };
        if query.0 != key.0 || key.0 != value.0 {
            return failed("their batch sizes differ");
        }
        if key.1 != value.1 {
            return failed("key and value have different numbers of heads");
        }
        if query.1 != key.1 && !grouped {
            return failed("query and key have different numbers of heads; enable_gqa allows a multiple");
        }
        if query.1 != key.1 && (key.1 == 0 || !query.1.is_multiple_of(key.1)) {
            return failed("the query heads are not a multiple of the key heads");
        }
        if key.2 != value.2 {
            return failed("key and value have different lengths");
        }
        if query.3 != key.3 {
            return failed("query and key have different head dimensions");
        }
        if query.3 == 0 {
            return failed("the head dimension is 0");
        }
        let group = query.1.checked_div(key.1).unwrap_or(1);
        Ok(Self {
            batch: query.0,
            kv_heads: key.1,
            group,
            q_len: query.2,
            k_len: key.2,
            depth: query.3,
            width: value.3,
        })
    }

    pub(crate) fn scores_shape(&self) -> [usize; 4] {
        [self.batch, self.kv_heads * self.group, self.q_len, self.k_len]
    }

    /// Query rows that share a key/value head.
    pub(crate) fn rows(&self) -> usize {
        self.group * self.q_len
    }

    /// The row ranges of the tasks of one key/value head: within one query head where those are long.
    pub(crate) fn row_blocks(&self, most: usize) -> Vec<Range<usize>> {
        let span = if self.q_len >= TASK_ROWS / TILES { self.q_len } else { self.rows() };
        // Blocks of nearly one size, in whole tiles.
        let blocks = span.div_ceil(most).max(1);
        let size = span.div_ceil(blocks).next_multiple_of(TASK_ROWS / TILES);
        let starts = (0..self.rows()).step_by(span.max(1));
        starts
            .flat_map(|head| (0..span).step_by(size).map(move |at| head + at..head + (at + size).min(span)))
            .collect()
    }

    /// Keys per part when few queries see many keys, so that there is work for several threads. By shape alone.
    fn keys_per_part(&self) -> usize {
        const PART: usize = 2048;
        if self.batch * self.kv_heads >= 32 { usize::MAX } else { PART }
    }
}

/// One call on the instruction set in force.
///
/// `out` takes the result, contiguous in [`Call::output_shape`]. Queries that see no key get zeros.
///
/// # Errors
/// If `cancel` is raised meanwhile, or `out` has another size.
pub fn attend<E: Element>(call: &Call<E>, out: &mut [E], cancel: &Cancel) -> Result<(), AttentionError> {
    attend_at(simd::level(), call, out, cancel)
}

/// As [`attend`], on a given instruction set (lowered to what this machine has).
///
/// # Errors
/// As [`attend`].
pub fn attend_at<E: Element>(
    level: Level,
    call: &Call<E>,
    out: &mut [E],
    cancel: &Cancel,
) -> Result<(), AttentionError> {
    attend_with(level, call, out, None, cancel)
}

/// As [`attend`]; returns of each query, in the order of `(batch, heads, q_len)`, the logarithm in base 2 of the sum
/// of its exponentials, which is what [`gradients`](crate::gradients) needs to know of them. Queries that see no key have
/// infinity, from which their weights become zero again.
///
/// # Errors
/// As [`attend`].
pub fn attend_keeping<E: Element>(
    level: Level,
    call: &Call<E>,
    out: &mut [E],
    cancel: &Cancel,
) -> Result<Vec<f32>, AttentionError> {
    let infinity = || AtomicU32::new(f32::INFINITY.to_bits());
    let log_sums: Vec<AtomicU32> =
        (0..call.sizes.batch * call.sizes.kv_heads * call.sizes.rows()).map(|_| infinity()).collect();
    attend_with(level, call, out, Some(&log_sums), cancel)?;
    Ok(log_sums.into_iter().map(|bits| f32::from_bits(bits.into_inner())).collect())
}

fn attend_with<E: Element>(
    level: Level,
    call: &Call<E>,
    out: &mut [E],
    log_sums: Option<&[AtomicU32]>,
    cancel: &Cancel,
) -> Result<(), AttentionError> {
    let expected = call.output_shape().iter().product::<usize>();
    if out.len() != expected {
        let value = format!("{} values", out.len());
        return Err(AttentionError::Argument { argument: "out", value, expected: "as many as output_shape" });
    }
    if out.is_empty() {
        return Ok(());
    }
    let mask = call.mask.broadcast(call.sizes.scores_shape())?;
    let run = Run { call, mask, level: arch::usable(level), log_sums, cancel };
    if call.is_brief() {
        run.inline(out);
    } else {
        pool::install(|| run.parallel(out));
    }
    Ok(cancel.check()?)
}

/// One head of one sequence: (length, dimension). Several times cheaper than `slice`, and called for each head.
pub(crate) fn head_of<'a, E: Element>(
    array: &'a CowArray<'_, E, Ix4>,
    batch: usize,
    head: usize,
) -> ArrayView2<'a, E> {
    array.index_axis(Axis(0), batch).index_axis_move(Axis(0), head)
}

/// `view`, or a copy if its rows are not contiguous.
#[expect(clippy::needless_pass_by_value, reason = "views are passed like slices")]
pub(crate) fn with_rows<E: Element>(view: ArrayView4<'_, E>) -> CowArray<'_, E, Ix4> {
    if view.dim().3 > 1 && view.strides()[3] != 1 {
        CowArray::from(view.as_standard_layout().into_owned())
    } else {
        CowArray::from(view)
    }
}

pub(crate) struct Run<'a, 'c, E: Element> {
    pub call: &'a Call<'c, E>,
    pub mask: Mask<'a>,
    pub level: Level,
    /// Where the rows of all heads leave the bits of their log-sums, each its own.
    pub log_sums: Option<&'a [AtomicU32]>,
    pub cancel: &'a Cancel,
}

impl<E: Element> Run<'_, '_, E> {
    fn inline(&self, out: &mut [E]) {
        let sizes = &self.call.sizes;
        let unit = sizes.rows() * sizes.width;
        if sizes.rows() <= decode::MAX_ROWS {
            let parts = self.parts();
            let len = sizes.rows() * decode::partial_len(sizes.width);
            let mut partials = vec![0.0; parts.len() * len];
            for (head, out) in out.chunks_mut(unit).enumerate() {
                for (keys, partial) in parts.iter().zip(partials.chunks_mut(len)) {
                    self.few_rows(head, keys.clone(), partial);
                }
                self.merge(head, &partials, out);
            }
        } else {
            let blocks = sizes.row_blocks(TASK_ROWS);
            for (head, mut out) in out.chunks_mut(unit).enumerate() {
                for rows in &blocks {
                    let (mine, rest) = out.split_at_mut(rows.len() * sizes.width);
                    self.many_rows(head, rows.clone(), mine);
                    out = rest;
                }
            }
        }
    }

    fn parallel(&self, out: &mut [E]) {
        let sizes = &self.call.sizes;
        let unit = sizes.rows() * sizes.width;
        if sizes.rows() <= decode::MAX_ROWS {
            let parts = self.parts();
            let len = sizes.rows() * decode::partial_len(sizes.width);
            let mut partials = vec![0.0; sizes.batch * sizes.kv_heads * parts.len() * len];
            partials.par_chunks_mut(len).enumerate().with_max_len(1).for_each(|(task, partial)| {
                self.few_rows(task / parts.len(), parts[task % parts.len()].clone(), partial);
            });
            let partials = partials.chunks(parts.len() * len);
            for (head, (out, partials)) in out.chunks_mut(unit).zip(partials).enumerate() {
                self.merge(head, partials, out);
            }
        } else {
            let blocks = sizes.row_blocks(TASK_ROWS);
            let mut tasks = Vec::with_capacity(sizes.batch * sizes.kv_heads * blocks.len());
            for (head, mut out) in out.chunks_mut(unit).enumerate() {
                for rows in &blocks {
                    let (mine, rest) = out.split_at_mut(rows.len() * sizes.width);
                    tasks.push((head, rows.clone(), mine));
                    out = rest;
                }
            }
            tasks
                .into_par_iter()
                .with_max_len(1)
                .for_each(|(head, rows, out)| self.many_rows(head, rows, out));
        }
    }

    /// The key ranges that few rows are split over.
    fn parts(&self) -> Vec<Range<usize>> {
        let sizes = &self.call.sizes;
        let size = sizes.keys_per_part().min(sizes.k_len.max(1));
        (0..sizes.k_len.max(1)).step_by(size).map(|at| at..(at + size).min(sizes.k_len)).collect()
    }

    pub(crate) fn span(&self) -> Span {
        Span::new(&self.call.options, self.call.sizes.q_len, self.call.sizes.k_len)
    }

    pub(crate) fn scoring(&self) -> Scoring {
        let options = &self.call.options;
        let scale = options.scale.unwrap_or(1.0 / (self.call.sizes.depth as f32).sqrt());
        // Otherwise scaling waits for the exponential, and biases are divided by the scale instead.
        let scale_first = options.softcap.is_some() || scale < 1e-6;
        Scoring { scale, softcap: options.softcap, scale_first }
    }

    /// Widen `rows` of the queries (or an array like them) of a key/value head, padded with zeros to `to`'s rows.
    pub(crate) fn pack(&self, queries: &CowArray<E, Ix4>, head: usize, rows: Range<usize>, to: &mut [f32]) {
        let sizes = &self.call.sizes;
        let columns = queries.dim().3;
        let stride = padded(columns);
        let (batch, kv_head) = (head / sizes.kv_heads, head % sizes.kv_heads);
        let index = RowIndex { q_len: sizes.q_len };
        let count = rows.len();
        for (row, to) in rows.zip(to.chunks_exact_mut(stride)) {
            let (member, query) = index.of(row);
            let from = head_of(queries, batch, kv_head * sizes.group + member);
            let from = from.index_axis_move(Axis(0), query);
            if let Some(from) = from.as_slice() {
                E::widen(from, &mut to[..columns]);
            }
            to[columns..].fill(0.0);
        }
        to[count * stride..].fill(0.0);
    }

    fn many_rows(&self, head: usize, rows: Range<usize>, out: &mut [E]) {
        if self.cancel.is_cancelled() {
            return;
        }
        let sizes = &self.call.sizes;
        let (batch, kv_head) = (head / sizes.kv_heads, head % sizes.kv_heads);
        Scratch::with(|scratch| {
            let tile = arch::tile_rows(self.level);
            let queries = scratch.queries.take(rows.len().next_multiple_of(tile) * padded(sizes.depth));
            self.pack(&self.call.query, head, rows.clone(), queries);
            let results = scratch.results.take(rows.len().next_multiple_of(tile) * padded(sizes.width));
            let job = stream::Job {
                queries,
                rows,
                index: RowIndex { q_len: sizes.q_len },
                depth: sizes.depth,
                width: sizes.width,
                keys: E::erase(head_of(&self.call.key, batch, kv_head)),
                values: E::erase(head_of(&self.call.value, batch, kv_head)),
                mask: self.mask.group(batch, kv_head * sizes.group..(kv_head + 1) * sizes.group),
                span: self.span(),
                scoring: self.scoring(),
                cancel: self.cancel,
            };
            arch::stream(self.level, &job, &mut scratch.arch, results);
            if self.log_sums.is_some() {
                for (row, (maximum, sum)) in job.rows.clone().zip(stream::sums(&job, &mut scratch.arch, tile))
                {
                    self.keep(head, row, maximum, sum);
                }
            }
            let results = results.chunks_exact(padded(sizes.width));
            for (out, result) in out.chunks_exact_mut(sizes.width).zip(results) {
                E::narrow(&result[..sizes.width], out);
            }
        });
    }

    fn few_rows(&self, head: usize, range: Range<usize>, partial: &mut [f32]) {
        if self.cancel.is_cancelled() {
            return;
        }
        let sizes = &self.call.sizes;
        let (batch, kv_head) = (head / sizes.kv_heads, head % sizes.kv_heads);
        Scratch::with(|scratch| {
            let rows = sizes.rows();
            let queries = scratch.queries.take(rows.next_power_of_two() * padded(sizes.depth));
            self.pack(&self.call.query, head, 0..rows, queries);
            let job = decode::Job {
                queries,
                rows,
                index: RowIndex { q_len: sizes.q_len },
                depth: sizes.depth,
                width: sizes.width,
                keys: E::erase(head_of(&self.call.key, batch, kv_head)),
                values: E::erase(head_of(&self.call.value, batch, kv_head)),
                range,
                mask: self.mask.group(batch, kv_head * sizes.group..(kv_head + 1) * sizes.group),
                span: self.span(),
                scoring: self.scoring(),
            };
            arch::decode(self.level, &job, &mut scratch.arch, partial);
        });
    }

    /// Leave the log-sum of a row of a head whose exponents were taken relative to `maximum`.
    fn keep(&self, head: usize, row: usize, maximum: f32, sum: f32) {
        if let Some(log_sums) = self.log_sums {
            let value = if sum == 0.0 { f32::INFINITY } else { maximum + sum.log2() };
            log_sums[head * self.call.sizes.rows() + row].store(value.to_bits(), Ordering::Relaxed);
        }
    }

    /// Add the parts of one head's rows under their common maximum, and normalize.
    fn merge(&self, head: usize, partials: &[f32], out: &mut [E]) {
        let sizes = &self.call.sizes;
        let len = decode::partial_len(sizes.width);
        let mut context = vec![0.0; sizes.width];
        for (row, out) in out.chunks_exact_mut(sizes.width).enumerate() {
            let parts = || partials.chunks_exact(len).skip(row).step_by(sizes.rows());
            let maximum = parts().map(|part| part[0]).fold(f32::NEG_INFINITY, f32::max);
            let shift = if maximum == f32::NEG_INFINITY { 0.0 } else { maximum };
            let mut sum = 0.0;
            context.fill(0.0);
            for part in parts() {
                let weight = (part[0] - shift).exp2();
                sum += weight * part[1];
                for (to, from) in context.iter_mut().zip(&part[2..]) {
                    *to += weight * from;
                }
            }
            self.keep(head, row, maximum, sum);
            let inverse = if sum == 0.0 { 0.0 } else { 1.0 / sum };
            for value in &mut context {
                *value *= inverse;
            }
            E::narrow(&context, out);
        }
    }
}
