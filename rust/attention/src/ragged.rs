//! Attention of sequences of different lengths, packed one behind the other.

use ferrolm_base::Cancel;
use ferrolm_base::simd::{self, Level};
use ndarray::{ArrayView3, Axis, CowArray, Ix3, s};

use crate::attend::with_rows;
use crate::group::{Group, Shape, group_size};
use crate::mask::GroupMask;
use crate::rows::HeadRows;
use crate::run::{Groups, check_len, is_brief, run};
use crate::scoring::Scoring;
use crate::span::Span;
use crate::{AttentionError, Element, Options, PerHead};

/// The arguments of one call, found to fit each other.
#[derive(Debug)]
pub struct RaggedCall<'a, E: Element> {
    query: CowArray<'a, E, Ix3>,
    key: CowArray<'a, E, Ix3>,
    value: CowArray<'a, E, Ix3>,
    /// The queries and keys of sequence `b` are those from entry `b` to entry `b + 1`.
    q_offsets: Vec<usize>,
    k_offsets: Vec<usize>,
    options: Options,
    per_head: PerHead<'a>,
    group: usize,
}

impl<'a, E: Element> RaggedCall<'a, E> {
    /// `query` is `(total_q, heads, d)`, `key` `(total_k, kv_heads, d)`, `value` `(total_k, kv_heads, dv)`, of any
    /// strides; offsets start with 0, never decrease, and end with the totals.
    ///
    /// # Errors
    /// If shapes or offsets do not fit or an option is out of its range.
    #[expect(clippy::needless_pass_by_value, reason = "views are passed like slices")]
    pub fn new(
        query: ArrayView3<'a, E>,
        key: ArrayView3<'a, E>,
        value: ArrayView3<'a, E>,
        (q_offsets, k_offsets): (&[i64], &[i64]),
        options: Options,
        per_head: PerHead<'a>,
    ) -> Result<Self, AttentionError> {
        options.check()?;
        let failed = |reason| {
            let list = |d: (usize, usize, usize)| vec![d.0, d.1, d.2];
            let (query, key, value) = (list(query.dim()), list(key.dim()), list(value.dim()));
            AttentionError::Packed { query, key, value, reason }
        };
        let (total_q, heads, depth) = query.dim();
        let (total_k, kv_heads, _) = key.dim();
        if (total_k, kv_heads) != (value.dim().0, value.dim().1) {
            return Err(failed("key and value differ in more than the last axis"));
        }
        if depth == 0 || depth != key.dim().2 {
            return Err(failed("query and key have different head dimensions, or none"));
        }
        let group = group_size(heads, kv_heads, options.grouped).map_err(failed)?;
        per_head.check(heads)?;
        let q_offsets = checked_offsets("cu_seqlens_q", q_offsets, total_q)?;
        let k_offsets = checked_offsets("cu_seqlens_k", k_offsets, total_k)?;
        if q_offsets.len() != k_offsets.len() {
            let (found, expected) = (k_offsets.len(), q_offsets.len());
            return Err(AttentionError::Length { argument: "cu_seqlens_k", found, expected });
        }
        let (query, key, value) = (with_rows(query), with_rows(key), with_rows(value));
        Ok(Self { query, key, value, q_offsets, k_offsets, options, per_head, group })
    }

    /// `(total_q, heads, dv)`.
    pub fn output_shape(&self) -> [usize; 3] {
        [self.query.dim().0, self.query.dim().1, self.value.dim().2]
    }

    /// Whether the call is too short to be worth other threads or a watch for interrupts.
    pub fn is_brief(&self) -> bool {
        is_brief((0..self.count()).map(|index| self.shape(index).expected_seconds(size_of::<E>())).sum())
    }

    /// From the results of the groups, one behind the other, to rows of all heads.
    fn scatter(&self, grouped: &[E], out: &mut [E]) {
        let [_, heads, width] = self.output_shape();
        let mut rows = grouped.chunks_exact(width);
        for index in 0..self.count() {
            let first = (index % self.key.dim().1) * self.group;
            for head in first..first + self.group {
                let start = self.q_offsets[index / self.key.dim().1];
                for query in start..start + self.shape(index).q_len {
                    let Some(row) = rows.next() else { return };
                    out[(query * heads + head) * width..][..width].copy_from_slice(row);
                }
            }
        }
    }
}

fn checked_offsets(
    argument: &'static str,
    offsets: &[i64],
    total: usize,
) -> Result<Vec<usize>, AttentionError> {
    let failed = |at: usize, expected: String| AttentionError::Entry {
        entry: format!("{argument}[{at}]"),
        value: offsets[at],
        expected,
    };
    let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else {
        return Err(AttentionError::Length { argument, found: 0, expected: 1 });
    };
    if first != 0 {
        return Err(failed(0, "0".to_owned()));
    }
    if let Some(at) = (1..offsets.len()).find(|&at| offsets[at] < offsets[at - 1]) {
        return Err(failed(at, format!("{} or more, as before it", offsets[at - 1])));
    }
    if last != total as i64 {
        return Err(failed(offsets.len() - 1, format!("{total}, the length of all sequences")));
    }
    Ok(offsets.iter().map(|&offset| offset as usize).collect())
}

/// One call on the instruction set in force.
///
/// `out` takes the result, contiguous in [`RaggedCall::output_shape`]. Queries that see no key get zeros.
///
/// # Errors
/// If `cancel` is raised meanwhile, or `out` has another size.
pub fn attend_ragged<E: Element>(
    call: &RaggedCall<E>,
    out: &mut [E],
    cancel: &Cancel,
) -> Result<(), AttentionError> {
    attend_ragged_at(simd::level(), call, out, cancel)
}

/// As [`attend_ragged`], on a given instruction set (lowered to what this machine has).
///
/// # Errors
/// As [`attend_ragged`].
pub fn attend_ragged_at<E: Element>(
    level: Level,
    call: &RaggedCall<E>,
    out: &mut [E],
    cancel: &Cancel,
) -> Result<(), AttentionError> {
    check_len(out, &call.output_shape())?;
    if out.is_empty() {
        return Ok(());
    }
    let mut grouped = vec![E::default(); out.len()];
    run(call, level, call.is_brief(), &mut grouped, cancel)?;
    call.scatter(&grouped, out);
    Ok(())
}

impl<E: Element> Groups<E> for RaggedCall<'_, E> {
    fn count(&self) -> usize {
        (self.q_offsets.len() - 1) * self.key.dim().1
    }

    fn shape(&self, index: usize) -> Shape {
        let batch = index / self.key.dim().1;
        let length = |offsets: &[usize]| offsets[batch + 1] - offsets[batch];
        Shape {
            group: self.group,
            q_len: length(&self.q_offsets),
            k_len: length(&self.k_offsets),
            depth: self.query.dim().2,
            width: self.value.dim().2,
        }
    }

    fn group(&self, index: usize) -> Group<'_, E> {
        let shape = self.shape(index);
        let (batch, kv_head) = (index / self.key.dim().1, index % self.key.dim().1);
        let heads = kv_head * self.group..(kv_head + 1) * self.group;
        let queries = self.q_offsets[batch]..self.q_offsets[batch + 1];
        let queries = self.query.slice(s![queries, .., ..]).permuted_axes([1, 0, 2]);
        let keys = s![self.k_offsets[batch]..self.k_offsets[batch + 1], ..];
        Group {
            shape,
            queries,
            first_head: heads.start,
            keys: E::erase(HeadRows::Whole(self.key.index_axis(Axis(1), kv_head).slice_move(keys))),
            values: E::erase(HeadRows::Whole(self.value.index_axis(Axis(1), kv_head).slice_move(keys))),
            mask: GroupMask::None,
            span: Span::new(&self.options, shape.q_len, shape.k_len),
            scoring: Scoring::new(&self.options, shape.depth),
            per_head: self.per_head.of(heads),
            log_sums: None,
        }
    }
}
