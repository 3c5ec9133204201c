//! Gradients of attention, again without storing the scores (Dao 2023, "`FlashAttention-2`", algorithm 2).
//!
//! A task has a key/value head and a range of its keys: it alone writes the gradients of these, and goes through the
//! queries that see them. Where heads are few, several ranges share a head's queries; each then has sums of its own for
//! them, added in order at the end. Memory is linear in the length, arithmetic five halves of the forward pass's.

use std::ops::Range;

use ferrolm_base::simd::{self, Level};
use ferrolm_base::{Cancel, pool};
use ndarray::{ArrayView4, Axis, CowArray, Ix4};
use rayon::prelude::*;

use crate::arch::mask_tile::BLOCK;
use crate::arch::scratch::Scratch;
use crate::arch::stream::{self, padded};
use crate::arch::{self, backward};
use crate::attend::{Heads, Sizes, with_rows};
use crate::group::Group;
use crate::run::Groups;
use crate::{AttentionError, Call};

/// What [`attend_keeping`](crate::attend_keeping) has left, and the gradient of its result.
#[derive(Clone, Copy, Debug)]
pub struct Forward<'a> {
    /// The contexts, `(batch, heads, q_len, dv)`, of any strides.
    pub out: ArrayView4<'a, f32>,
    /// Of each query, in the order of `(batch, heads, q_len)`.
    pub log_sums: &'a [f32],
    /// Like `out`.
    pub gradient: ArrayView4<'a, f32>,
}

/// Room for the gradients of query, key and value: contiguous, of their shapes; overwritten.
#[derive(Debug)]
pub struct Gradients<'a> {
    pub query: &'a mut [f32],
    pub key: &'a mut [f32],
    pub value: &'a mut [f32],
}

/// Query rows that a task goes through its keys with at a time.
const ROWS: usize = 768;
/// A call expected to take less runs on the calling thread, as in the forward pass.
const BRIEF_SECONDS: f64 = 100e-6;

/// The gradients of a call's query, key and value from that of its result, on the instruction set in force.
///
/// # Errors
/// If an argument has not the call's shape, or `cancel` is raised meanwhile.
pub fn gradients(
    call: &Call<f32>,
    forward: &Forward,
    to: Gradients,
    cancel: &Cancel,
) -> Result<(), AttentionError> {
    gradients_at(simd::level(), call, forward, to, cancel)
}

/// As [`gradients`], on a given instruction set (lowered to what this machine has).
///
/// # Errors
/// As [`gradients`].
pub fn gradients_at(
    level: Level,
    call: &Call<f32>,
    forward: &Forward,
    to: Gradients,
    cancel: &Cancel,
) -> Result<(), AttentionError> {
    check(call, forward, &to)?;
    let Gradients { query, key, value } = to;
    for array in [&mut *query, &mut *key, &mut *value] {
        array.fill(0.0);
    }
    if query.is_empty() || key.is_empty() || value.is_empty() {
        return Ok(());
    }
    let back = Backward {
        heads: call.heads(None)?,
        level: arch::usable(level),
        cancel,
        out: with_rows(forward.out),
        gradient: with_rows(forward.gradient),
        log_sums: forward.log_sums,
    };
    if call.expected_seconds() * 2.5 < BRIEF_SECONDS {
        back.inline(query, key, value);
    } else {
        pool::install(|| back.parallel(query, key, value));
    }
    Ok(cancel.check()?)
}

fn check(call: &Call<f32>, forward: &Forward, to: &Gradients) -> Result<(), AttentionError> {
    let Sizes { batch, kv_heads, k_len, depth, width, .. } = call.sizes;
    let rows = batch * kv_heads * call.sizes.shape().rows();
    let expected = call.output_shape();
    for (argument, view) in [("out", &forward.out), ("gradient", &forward.gradient)] {
        if view.shape() != expected {
            let value = format!("of shape {:?}", view.shape());
            return Err(AttentionError::Argument { argument, value, expected: "output_shape" });
        }
    }
    for (argument, found, expected) in [
        ("log_sums", forward.log_sums.len(), rows),
        ("query", to.query.len(), rows * depth),
        ("key", to.key.len(), batch * kv_heads * k_len * depth),
        ("value", to.value.len(), batch * kv_heads * k_len * width),
    ] {
        if found != expected {
            return Err(AttentionError::Length { argument, found, expected });
        }
    }
    Ok(())
}

struct Backward<'a, 'c> {
    heads: Heads<'a, 'c, f32>,
    level: Level,
    cancel: &'a Cancel,
    out: CowArray<'a, f32, Ix4>,
    gradient: CowArray<'a, f32, Ix4>,
    log_sums: &'a [f32],
}

/// A range of the keys of a key/value head, and where its gradients go.
struct Task<'t> {
    head: usize,
    keys: Range<usize>,
    query: &'t mut [f32],
    key: &'t mut [f32],
    value: &'t mut [f32],
}

impl Backward<'_, '_> {
    fn inline(&self, query: &mut [f32], key: &mut [f32], value: &mut [f32]) {
        let sizes = &self.heads.call.sizes;
        let query = query.chunks_mut(sizes.shape().rows() * sizes.depth);
        let key = key.chunks_mut(sizes.k_len * sizes.depth);
        let value = value.chunks_mut(sizes.k_len * sizes.width);
        for (head, ((query, key), value)) in query.zip(key).zip(value).enumerate() {
            self.part(Task { head, keys: 0..sizes.k_len, query, key, value });
        }
    }

    fn parallel(&self, query: &mut [f32], key: &mut [f32], value: &mut [f32]) {
        let sizes = &self.heads.call.sizes;
        let ranges = key_ranges(sizes);
        let unit = sizes.shape().rows() * sizes.depth;
        // With one range per head the sums over keys are those over all of them, and need no place of their own.
        let mut partial = vec![0.0; if ranges.len() > 1 { query.len() * ranges.len() } else { 0 }];
        let mut queries = if ranges.len() > 1 { partial.chunks_mut(unit) } else { query.chunks_mut(unit) };
        let (mut key, mut value) = (key, value);
        let mut tasks = Vec::with_capacity(sizes.batch * sizes.kv_heads * ranges.len());
        for head in 0..sizes.batch * sizes.kv_heads {
            for keys in ranges.clone() {
                let (mine, rest) = key.split_at_mut(keys.len() * sizes.depth);
                let (own, others) = value.split_at_mut(keys.len() * sizes.width);
                (key, value) = (rest, others);
                let query = queries.next().unwrap_or_default();
                tasks.push(Task { head, keys, query, key: mine, value: own });
            }
        }
        tasks.into_par_iter().with_max_len(1).for_each(|task| self.part(task));
        if ranges.len() > 1 {
            let partial = partial.par_chunks(unit * ranges.len());
            query.par_chunks_mut(unit).zip(partial).with_max_len(1).for_each(|(query, partial)| {
                for partial in partial.chunks_exact(unit) {
                    for (to, from) in query.iter_mut().zip(partial) {
                        *to += from;
                    }
                }
            });
        }
    }

    fn part(&self, mut task: Task) {
        for rows in self.heads.call.sizes.shape().row_blocks(ROWS) {
            if self.cancel.is_cancelled() {
                return;
            }
            self.rows(&mut task, rows);
        }
    }

    fn rows(&self, task: &mut Task, rows: Range<usize>) {
        let sizes = &self.heads.call.sizes;
        let (batch, group) = (task.head / sizes.kv_heads, self.heads.group(task.head));
        Scratch::with(|scratch| {
            let count = rows.len().next_multiple_of(arch::tile_rows(self.level));
            let (depth, width) = (padded(sizes.depth), padded(sizes.width));
            let queries = scratch.queries.take(count * depth);
            group.pack(&group.queries, rows.clone(), queries);
            let contexts = scratch.contexts.take(count * width);
            // The products of rows need the contexts themselves first, then their gradients.
            group.pack(&self.out.index_axis(Axis(0), batch), rows.clone(), contexts);
            let means = self.means(&group, batch, rows.clone(), contexts, count);
            group.pack(&self.gradient.index_axis(Axis(0), batch), rows.clone(), contexts);
            let mut log_sums = vec![f32::INFINITY; count];
            let first = task.head * sizes.shape().rows();
            log_sums[..rows.len()].copy_from_slice(&self.log_sums[first + rows.start..first + rows.end]);
            let job = backward::Job {
                forward: stream::Job {
                    all_bf16: false,
                    queries,
                    rows: rows.clone(),
                    index: group.index(),
                    depth: sizes.depth,
                    width: sizes.width,
                    keys: &group.keys,
                    values: &group.values,
                    mask: group.mask,
                    span: group.span,
                    scoring: group.scoring,
                    per_head: group.per_head,
                    cancel: self.cancel,
                },
                contexts,
                log_sums: &log_sums,
                means: &means,
                keys: task.keys.clone(),
            };
            let results = scratch.results.take(count * depth);
            let mut sums = backward::Sums { query: results, key: task.key, value: task.value };
            arch::backward(self.level, &job, &mut scratch.arch, &mut sums);
            let to = &mut task.query[rows.start * sizes.depth..rows.end * sizes.depth];
            for (to, from) in to.chunks_exact_mut(sizes.depth).zip(results.chunks_exact(depth)) {
                to.copy_from_slice(&from[..sizes.depth]);
            }
        });
    }

    /// Of each row the product of its context, packed in `contexts`, and that one's gradient.
    fn means(
        &self,
        group: &Group<'_, f32>,
        batch: usize,
        rows: Range<usize>,
        contexts: &[f32],
        count: usize,
    ) -> Vec<f32> {
        let gradients = self.gradient.index_axis(Axis(0), batch);
        let mut means = vec![0.0; count];
        for ((row, mean), context) in
            rows.zip(&mut means).zip(contexts.chunks_exact(padded(group.shape.width)))
        {
            let (member, query) = group.index().of(row);
            let gradient = gradients.index_axis(Axis(0), group.first_head + member);
            *mean =
                gradient.row(query).iter().zip(context).map(|(gradient, context)| gradient * context).sum();
        }
        means
    }
}

/// The key ranges that a head is split into: whole blocks, several where there are few heads. By shape alone.
fn key_ranges(sizes: &Sizes) -> Vec<Range<usize>> {
    const LEAST: usize = 4 * BLOCK;
    let wanted = 32usize.div_ceil(sizes.batch * sizes.kv_heads);
    let parts = wanted.min(sizes.k_len / LEAST).clamp(1, 8);
    let size = sizes.k_len.div_ceil(parts).next_multiple_of(BLOCK);
    (0..sizes.k_len).step_by(size).map(|at| at..(at + size).min(sizes.k_len)).collect()
}
