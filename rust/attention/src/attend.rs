//! Attention of whole arrays: a call, its validation, and its groups.

use std::sync::atomic::AtomicU32;

use ferrolm_base::Cancel;
use ferrolm_base::simd::{self, Level};
use ndarray::{ArrayView, ArrayView2, ArrayView4, Axis, CowArray, Dimension, Ix4};

use crate::group::{Group, Shape, group_size};
use crate::rows::HeadRows;
use crate::run::{Groups, check_len, is_brief, run};
use crate::scoring::Scoring;
use crate::span::Span;
use crate::{AttentionError, Element, Mask, Options, PerHead};

/// The arguments of one call, found to fit each other.
///
/// `query` is `(batch, heads, q_len, d)`, `key` `(batch, kv_heads, k_len, d)`, `value` `(batch, kv_heads, k_len, dv)`,
/// where `heads` is a multiple of `kv_heads`: query head `h` attends with key/value head `h / (heads / kv_heads)`.
/// Any strides; arrays whose last axis is not contiguous are copied.
#[derive(Debug)]
pub struct Call<'a, E: Element> {
    pub(crate) query: CowArray<'a, E, Ix4>,
    key: CowArray<'a, E, Ix4>,
    value: CowArray<'a, E, Ix4>,
    mask: Mask<'a>,
    options: Options,
    per_head: PerHead<'a>,
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
        Ok(Self { query, key, value, mask, options, per_head: PerHead::default(), sizes })
    }

    /// With values for each query head.
    ///
    /// # Errors
    /// If they are not as many as the heads, or not finite.
    pub fn with_per_head(self, per_head: PerHead<'a>) -> Result<Self, AttentionError> {
        per_head.check(self.sizes.kv_heads * self.sizes.group)?;
        Ok(Self { per_head, ..self })
    }

    /// `(batch, heads, q_len, dv)`.
    pub fn output_shape(&self) -> [usize; 4] {
        let Sizes { batch, kv_heads, group, q_len, width, .. } = self.sizes;
        [batch, kv_heads * group, q_len, width]
    }

    /// Whether the call is too short to be worth other threads or a watch for interrupts.
    pub fn is_brief(&self) -> bool {
        is_brief(self.expected_seconds())
    }

    pub(crate) fn expected_seconds(&self) -> f64 {
        let Sizes { batch, kv_heads, .. } = self.sizes;
        (batch * kv_heads) as f64 * self.sizes.shape().expected_seconds(size_of::<E>())
    }

    pub(crate) fn heads<'h>(
        &'h self,
        log_sums: Option<&'h [AtomicU32]>,
    ) -> Result<Heads<'h, 'a, E>, AttentionError> {
        Ok(Heads { call: self, mask: self.mask.broadcast(self.sizes.scores_shape())?, log_sums })
    }
}

/// `view` if its last axis is contiguous, a copy otherwise.
pub(crate) fn with_rows<T: Clone, D: Dimension>(view: ArrayView<'_, T, D>) -> CowArray<'_, T, D> {
    let last = view.ndim() - 1;
    if view.shape()[last] > 1 && view.strides()[last] != 1 {
        CowArray::from(view.as_standard_layout().into_owned())
    } else {
        CowArray::from(view)
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
        let group = match group_size(query.1, key.1, grouped) {
            Ok(group) => group,
            Err(reason) => return failed(reason),
        };
        if key.2 != value.2 {
            return failed("key and value have different lengths");
        }
        if query.3 != key.3 {
            return failed("query and key have different head dimensions");
        }
        if query.3 == 0 {
            return failed("the head dimension is 0");
        }
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

    fn scores_shape(&self) -> [usize; 4] {
        [self.batch, self.kv_heads * self.group, self.q_len, self.k_len]
    }

    pub(crate) fn shape(&self) -> Shape {
        let Self { group, q_len, k_len, depth, width, .. } = *self;
        Shape { group, q_len, k_len, depth, width }
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
    let rows = call.sizes.batch * call.sizes.kv_heads * call.sizes.shape().rows();
    let log_sums: Vec<AtomicU32> = (0..rows).map(|_| infinity()).collect();
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
    check_len(out, &call.output_shape())?;
    if out.is_empty() {
        return Ok(());
    }
    run(&call.heads(log_sums)?, level, call.is_brief(), out, cancel)
}

/// One head of one sequence: (length, dimension). Several times cheaper than `slice`, and called for each head.
fn head_of<'a, E: Element>(array: &'a CowArray<'_, E, Ix4>, batch: usize, head: usize) -> ArrayView2<'a, E> {
    array.index_axis(Axis(0), batch).index_axis_move(Axis(0), head)
}

/// The groups of a call: one for each key/value head of each sequence.
pub(crate) struct Heads<'a, 'c, E: Element> {
    pub call: &'a Call<'c, E>,
    mask: Mask<'a>,
    log_sums: Option<&'a [AtomicU32]>,
}

impl<E: Element> Groups<E> for Heads<'_, '_, E> {
    fn count(&self) -> usize {
        self.call.sizes.batch * self.call.sizes.kv_heads
    }

    fn shape(&self, _: usize) -> Shape {
        self.call.sizes.shape()
    }

    fn keys_per_part(&self) -> usize {
        if self.count() >= 32 { usize::MAX } else { 2048 }
    }

    fn group(&self, index: usize) -> Group<'_, E> {
        let Call { query, key, value, options, per_head, sizes, .. } = self.call;
        let (batch, kv_head) = (index / sizes.kv_heads, index % sizes.kv_heads);
        let heads = kv_head * sizes.group..(kv_head + 1) * sizes.group;
        Group {
            shape: sizes.shape(),
            queries: query.index_axis(Axis(0), batch),
            first_head: heads.start,
            keys: E::erase(HeadRows::Whole(head_of(key, batch, kv_head))),
            values: E::erase(HeadRows::Whole(head_of(value, batch, kv_head))),
            mask: self.mask.group(batch, heads.clone()),
            span: Span::new(options, sizes.q_len, sizes.k_len),
            scoring: Scoring::new(options, sizes.depth),
            per_head: per_head.of(heads),
            log_sums: self.log_sums.map(|all| &all[index * sizes.shape().rows()..][..sizes.shape().rows()]),
        }
    }
}
