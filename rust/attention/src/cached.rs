//! Attention to a key/value cache: preallocated or in pages, as it is or in 8 bits.
//!
//! The queries of a sequence are the last of its keys. Pages are those of Kwon et al. 2023, "Efficient Memory
//! Management for Large Language Model Serving with `PagedAttention`".

use ferrolm_base::Cancel;
use ferrolm_base::simd::{self, Level};
use half::{bf16, f16};
use ndarray::{ArrayView2, ArrayView3, ArrayView4, Axis, CowArray, Ix4};

use crate::arch::MAX_INTEGER_COLUMNS;
use crate::attend::with_rows;
use crate::group::{Group, Shape, group_size};
use crate::mask::GroupMask;
use crate::rows::{AnyRows, HeadRows};
use crate::run::{Groups, check_len, is_brief, run};
use crate::scoring::Scoring;
use crate::span::Span;
use crate::{Alignment, AttentionError, Element, Options, PerHead};

/// The keys or the values of a cache: `(batch, kv_heads, capacity, d)`, or `(pages, kv_heads, rows of a page, d)`.
///
/// The last axis is contiguous, the others may have any strides: nothing is copied.
#[derive(Clone, Copy, Debug)]
pub enum Cache<'a> {
    F32(ArrayView4<'a, f32>),
    F16(ArrayView4<'a, f16>),
    Bf16(ArrayView4<'a, bf16>),
    /// Each row times its scale, of the shape without the last axis. Where queries are few, they are rounded to 16
    /// bits and multiplied as integers.
    Int8(ArrayView4<'a, i8>, ArrayView3<'a, f32>),
}

impl Cache<'_> {
    fn dim(&self) -> (usize, usize, usize, usize) {
        match self {
            Self::F32(rows) => rows.dim(),
            Self::F16(rows) => rows.dim(),
            Self::Bf16(rows) => rows.dim(),
            Self::Int8(rows, _) => rows.dim(),
        }
    }

    fn stride(&self) -> isize {
        match self {
            Self::F32(rows) => rows.strides()[3],
            Self::F16(rows) => rows.strides()[3],
            Self::Bf16(rows) => rows.strides()[3],
            Self::Int8(rows, _) => rows.strides()[3],
        }
    }

    fn element_size(&self) -> usize {
        match self {
            Self::F32(_) => 4,
            Self::F16(_) | Self::Bf16(_) => 2,
            Self::Int8(..) => 1,
        }
    }

    fn check(&self, argument: &'static str) -> Result<(), AttentionError> {
        let (pages, heads, rows, columns) = self.dim();
        if pages * heads * rows > 0 && columns > 1 && self.stride() != 1 {
            let value = format!("an array with {} elements between those of a row", self.stride());
            return Err(AttentionError::Argument { argument, value, expected: "a contiguous last axis" });
        }
        match self {
            Self::Int8(_, scales) if scales.dim() != (pages, heads, rows) => Err(AttentionError::Scales {
                cache: argument,
                scales: scales.shape().to_vec(),
                expected: [pages, heads, rows],
            }),
            _ => Ok(()),
        }
    }

    fn head<'s>(&'s self, batch: usize, head: usize, table: Option<&'s [u32]>) -> AnyRows<'s> {
        match self {
            Self::F32(rows) => AnyRows::F32(head_rows(rows, batch, head, table)),
            Self::F16(rows) => AnyRows::F16(head_rows(rows, batch, head, table)),
            Self::Bf16(rows) => AnyRows::Bf16(head_rows(rows, batch, head, table)),
            Self::Int8(rows, scales) => AnyRows::Int8 {
                rows: head_rows(rows, batch, head, table),
                scales: head_rows(&scales.insert_axis(Axis(3)), batch, head, table),
            },
        }
    }
}

fn head_rows<'a, T>(
    cache: &ArrayView4<'a, T>,
    batch: usize,
    head: usize,
    table: Option<&'a [u32]>,
) -> HeadRows<'a, T> {
    match table {
        None => HeadRows::Whole((*cache).index_axis_move(Axis(0), batch).index_axis_move(Axis(0), head)),
        Some(table) => HeadRows::Paged { pages: (*cache).index_axis_move(Axis(1), head), table },
    }
}

/// The arguments of one call, found to fit each other.
#[derive(Debug)]
pub struct CachedCall<'a, E: Element> {
    query: CowArray<'a, E, Ix4>,
    key: Cache<'a>,
    value: Cache<'a>,
    lengths: Vec<usize>,
    /// The pages of each sequence, one behind the other, those that are not read left out as 0.
    table: Option<Vec<u32>>,
    options: Options,
    per_head: PerHead<'a>,
    kv_heads: usize,
    group: usize,
}

impl<'a, E: Element> CachedCall<'a, E> {
    /// `query` is `(batch, heads, q_len, d)`; sequence `b` has `lengths[b]` keys in the cache, of which the last
    /// `q_len` are those of the queries. With a `block_table`, `(batch, most pages of a sequence)`, its keys
    /// `i * rows of a page ..` are page `block_table[b, i]`; entries that no query sees are not looked at.
    ///
    /// Of the options, `scale`, `window` and `softcap` count: queries see no later keys, and share key heads.
    ///
    /// # Errors
    /// If shapes do not fit, lengths exceed the capacity, pages do not exist, or an option is out of its range.
    #[expect(clippy::needless_pass_by_value, reason = "views are passed like slices")]
    pub fn new(
        query: ArrayView4<'a, E>,
        (key, value): (Cache<'a>, Cache<'a>),
        lengths: &[i64],
        block_table: Option<ArrayView2<i64>>,
        options: Options,
        per_head: PerHead<'a>,
    ) -> Result<Self, AttentionError> {
        options.check()?;
        let options = Options { causal: true, alignment: Alignment::LowerRight, grouped: true, ..options };
        let (batch, heads, q_len, depth) = query.dim();
        let (pages, kv_heads, rows, _) = key.dim();
        let failed = |reason| {
            let list = |d: (usize, usize, usize, usize)| vec![d.0, d.1, d.2, d.3];
            let (query, key, value) = (list(query.dim()), list(key.dim()), list(value.dim()));
            AttentionError::Cache { query, key, value, reason }
        };
        if std::mem::discriminant(&key) != std::mem::discriminant(&value) {
            return Err(failed("the caches have different element types"));
        }
        if (pages, kv_heads, rows) != (value.dim().0, value.dim().1, value.dim().2) {
            return Err(failed("the caches differ in more than the last axis"));
        }
        if depth == 0 || depth != key.dim().3 {
            return Err(failed("query and key have different head dimensions, or none"));
        }
        if matches!(key, Cache::Int8(..)) && depth > MAX_INTEGER_COLUMNS {
            return Err(failed("int8 caches are for head dimensions of up to 2048"));
        }
        let group = group_size(heads, kv_heads, true).map_err(failed)?;
        if block_table.is_none() && pages != batch {
            return Err(failed("query and caches have different batch sizes"));
        }
        key.check("key_cache")?;
        value.check("value_cache")?;
        per_head.check(heads)?;
        let capacity = match &block_table {
            None => rows,
            Some(table) if table.nrows() != batch => {
                let (argument, found) = ("block_table", table.nrows());
                return Err(AttentionError::Length { argument, found, expected: batch });
            }
            Some(table) => table.ncols() * rows,
        };
        let lengths = checked_lengths(lengths, batch, capacity)?;
        let table = match block_table {
            None => None,
            Some(table) => Some(checked_table(&table, &lengths, (pages, rows), q_len, &options)?),
        };
        let query = with_rows(query);
        Ok(Self { query, key, value, lengths, table, options, per_head, kv_heads, group })
    }

    /// `(batch, heads, q_len, dv)`.
    pub fn output_shape(&self) -> [usize; 4] {
        let (batch, heads, q_len, _) = self.query.dim();
        [batch, heads, q_len, self.value.dim().3]
    }

    /// Whether the call is too short to be worth other threads or a watch for interrupts.
    pub fn is_brief(&self) -> bool {
        let element = self.key.element_size();
        is_brief((0..self.count()).map(|index| self.shape(index).expected_seconds(element)).sum())
    }
}

fn checked_lengths(lengths: &[i64], batch: usize, capacity: usize) -> Result<Vec<usize>, AttentionError> {
    if lengths.len() != batch {
        return Err(AttentionError::Length { argument: "lengths", found: lengths.len(), expected: batch });
    }
    let check = |(b, &length): (usize, &i64)| {
        usize::try_from(length).ok().filter(|&length| length <= capacity).ok_or_else(|| {
            AttentionError::Entry {
                entry: format!("lengths[{b}]"),
                value: length,
                expected: format!("0 to {capacity}, the capacity"),
            }
        })
    };
    lengths.iter().enumerate().map(check).collect()
}

fn checked_table(
    table: &ArrayView2<i64>,
    lengths: &[usize],
    (pages, rows): (usize, usize),
    q_len: usize,
    options: &Options,
) -> Result<Vec<u32>, AttentionError> {
    let mut checked = vec![0; table.len()];
    for (b, &length) in lengths.iter().enumerate() {
        let seen = Span::new(options, q_len, length).of_any(0..q_len);
        if seen.is_empty() {
            continue;
        }
        for i in seen.start / rows..seen.end.div_ceil(rows) {
            let value = table[[b, i]];
            let page = u32::try_from(value).ok().filter(|&page| (page as usize) < pages);
            checked[b * table.ncols() + i] = page.ok_or_else(|| AttentionError::Entry {
                entry: format!("block_table[{b}, {i}]"),
                value,
                expected: format!("a page from 0 to {}", pages as i64 - 1),
            })?;
        }
    }
    Ok(checked)
}

/// One call on the instruction set in force.
///
/// `out` takes the result, contiguous in [`CachedCall::output_shape`]. Queries that see no key get zeros.
///
/// # Errors
/// If `cancel` is raised meanwhile, or `out` has another size.
pub fn attend_cached<E: Element>(
    call: &CachedCall<E>,
    out: &mut [E],
    cancel: &Cancel,
) -> Result<(), AttentionError> {
    attend_cached_at(simd::level(), call, out, cancel)
}

/// As [`attend_cached`], on a given instruction set (lowered to what this machine has).
///
/// # Errors
/// As [`attend_cached`].
pub fn attend_cached_at<E: Element>(
    level: Level,
    call: &CachedCall<E>,
    out: &mut [E],
    cancel: &Cancel,
) -> Result<(), AttentionError> {
    check_len(out, &call.output_shape())?;
    run(call, level, call.is_brief(), out, cancel)
}

impl<E: Element> Groups<E> for CachedCall<'_, E> {
    fn count(&self) -> usize {
        self.lengths.len() * self.kv_heads
    }

    fn shape(&self, index: usize) -> Shape {
        let (_, _, q_len, depth) = self.query.dim();
        let (k_len, width) = (self.lengths[index / self.kv_heads], self.value.dim().3);
        Shape { group: self.group, q_len, k_len, depth, width }
    }

    fn group(&self, index: usize) -> Group<'_, E> {
        let shape = self.shape(index);
        let (batch, kv_head) = (index / self.kv_heads, index % self.kv_heads);
        let heads = kv_head * self.group..(kv_head + 1) * self.group;
        let pages = self.table.as_ref().map(|table| {
            let per_sequence = table.len() / self.lengths.len();
            &table[batch * per_sequence..(batch + 1) * per_sequence]
        });
        Group {
            shape,
            queries: self.query.index_axis(Axis(0), batch),
            first_head: heads.start,
            keys: self.key.head(batch, kv_head, pages),
            values: self.value.head(batch, kv_head, pages),
            mask: GroupMask::None,
            span: Span::new(&self.options, shape.q_len, shape.k_len),
            scoring: Scoring::new(&self.options, shape.depth),
            per_head: self.per_head.of(heads),
            log_sums: None,
        }
    }
}
