//! Caches and packed sequences against the plain call on the same keys, which `reference.rs` holds to its definition.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "helpers of tests; views are passed like slices"
)]

use ferrolm_attention::{
    Alignment, Cache, CachedCall, Call, Mask, Options, PerHead, RaggedCall, attend_at, attend_cached,
    attend_cached_at, attend_ragged_at, bf16, f16,
};
use ferrolm_base::cancel::NEVER;
use ferrolm_base::pool;
use ferrolm_base::simd::{Level, detected};
use ndarray::{Array, Array2, Array3, Array4, ArrayView4, Axis, Dimension, ShapeBuilder, s};
use proptest::prelude::*;

/// Reproducible values in ±1.
fn array<D: Dimension, S: ShapeBuilder<Dim = D>>(shape: S, seed: u64) -> Array<f32, D> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    Array::from_shape_simple_fn(shape, || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    })
}

fn levels() -> impl Iterator<Item = Level> {
    [Level::Portable, Level::Avx2, Level::Avx512].into_iter().filter(|level| *level <= detected())
}

/// The plain call on one sequence.
fn dense(
    query: ArrayView4<f32>,
    key: ArrayView4<f32>,
    value: ArrayView4<f32>,
    options: Options,
    per_head: PerHead,
) -> Vec<f32> {
    let call = Call::new(query, key, value, Mask::None, options).unwrap().with_per_head(per_head).unwrap();
    let mut out = vec![0.0; call.output_shape().iter().product()];
    attend_at(Level::Portable, &call, &mut out, &NEVER).unwrap();
    out
}

fn assert_close(ours: &[f32], theirs: &[f32], tolerance: f32, context: &str) {
    assert_eq!(ours.len(), theirs.len());
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!((ours - theirs).abs() <= tolerance, "{context} at {index}: {ours} instead of {theirs}");
    }
}

/// How a cache stores its numbers.
#[derive(Clone, Copy, Debug)]
enum Store {
    F32,
    F16,
    Bf16,
    Int8,
}

/// Numbers as they are stored, and what they stand for.
struct Stored {
    wide: Array4<f32>,
    f16: Array4<f16>,
    bf16: Array4<bf16>,
    int8: Array4<i8>,
    scales: Array3<f32>,
    store: Store,
}

impl Stored {
    fn new(values: Array4<f32>, store: Store) -> Self {
        let scales = values.map_axis(Axis(3), |row| row.iter().fold(0.0f32, |a, b| a.max(b.abs())) / 127.0);
        let by_row = scales.view().insert_axis(Axis(3));
        let int8 = (&values / &by_row).mapv(|value| value.round() as i8);
        let (f16, bf16) = (values.mapv(f16::from_f32), values.mapv(bf16::from_f32));
        let wide = match store {
            Store::F32 => values,
            Store::F16 => f16.mapv(f16::to_f32),
            Store::Bf16 => bf16.mapv(bf16::to_f32),
            Store::Int8 => int8.mapv(f32::from) * by_row,
        };
        Self { wide, f16, bf16, int8, scales, store }
    }

    fn cache(&self) -> Cache<'_> {
        match self.store {
            Store::F32 => Cache::F32(self.wide.view()),
            Store::F16 => Cache::F16(self.f16.view()),
            Store::Bf16 => Cache::Bf16(self.bf16.view()),
            Store::Int8 => Cache::Int8(self.int8.view(), self.scales.view()),
        }
    }
}

#[derive(Clone, Debug)]
struct Case {
    kv_heads: usize,
    group: usize,
    q_len: usize,
    depth: usize,
    width: usize,
    /// 0: preallocated.
    page: usize,
    lengths: Vec<usize>,
    store: Store,
    options: Options,
    slopes: bool,
    sinks: bool,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (1usize..3, 1usize..5, prop_oneof![0usize..4, 4usize..70], 1usize..70, 0usize..70);
    let page = prop_oneof![Just(0usize), 1usize..40, Just(16), 100usize..300];
    let lengths = proptest::collection::vec(0usize..300, 1..4);
    let store = prop_oneof![Just(Store::F32), Just(Store::F16), Just(Store::Bf16), Just(Store::Int8)];
    let options = (proptest::option::of(1i64..200), proptest::option::of(0.5f32..60.0));
    let flags = any::<(bool, bool, u64)>();
    (sizes, page, lengths, store, options, flags).prop_map(|(sizes, page, lengths, store, options, flags)| {
        let (kv_heads, group, q_len, depth, width) = sizes;
        let (window, softcap) = options;
        let (slopes, sinks, seed) = flags;
        let options = Options { window, softcap, ..Options::default() };
        Case { kv_heads, group, q_len, depth, width, page, lengths, store, options, slopes, sinks, seed }
    })
}

const SLOPES: [f32; 8] = [0.5, 0.25, 0.125, 0.06, 0.03, 0.015, 0.008, 0.004];
const SINKS: [f32; 8] = [0.5, -3.0, 8.0, 0.0, 1.0, 2.0, -1.0, 4.0];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_cache_is_attended_to_like_its_filled_part(case in cases()) {
        let Case { kv_heads, group, q_len, depth, width, page, ref lengths, store, seed, .. } = case;
        let (batch, heads) = (lengths.len(), kv_heads * group);
        let query = array((batch, heads, q_len, depth), seed);
        let per_head = PerHead {
            alibi_slopes: case.slopes.then_some(&SLOPES[..heads]),
            sinks: case.sinks.then_some(&SINKS[..heads]),
        };
        let capacity = 300usize;
        let (pages, rows) = if page == 0 { (batch, capacity) } else { (batch * capacity.div_ceil(page) + 1, page) };
        let key = Stored::new(array((pages, kv_heads, rows, depth), seed ^ 1), store);
        let value = Stored::new(array((pages, kv_heads, rows, width), seed ^ 2), store);
        // Pages in an order of their own; what no sequence reaches is left at -1.
        let per_sequence = capacity.div_ceil(rows);
        let table = Array2::from_shape_fn((batch, per_sequence), |(b, i)| {
            let used = i * rows < lengths[b];
            if used { ((b * per_sequence + i) * 7 % (pages - 1).max(1) + 1) as i64 } else { -1 }
        });
        let table = (page > 0).then(|| table.view());
        let signed: Vec<i64> = lengths.iter().map(|&length| length as i64).collect();
        let caches = (key.cache(), value.cache());
        let call = CachedCall::new(query.view(), caches, &signed, table, case.options, per_head).unwrap();
        let mut expected = Vec::new();
        for b in 0..batch {
            let gathered = |from: &Array4<f32>| {
                let place = |k: usize| table.map_or((b, k), |table| (table[[b, k / rows]] as usize, k % rows));
                Array4::from_shape_fn((1, kv_heads, lengths[b], from.dim().3), |(_, h, k, d)| {
                    from[[place(k).0, h, place(k).1, d]]
                })
            };
            let options = Options { causal: true, alignment: Alignment::LowerRight, grouped: true, ..case.options };
            let (key, value) = (gathered(&key.wide), gathered(&value.wide));
            let query = query.slice(s![b..=b, .., .., ..]);
            expected.extend(dense(query, key.view(), value.view(), options, per_head));
        }
        for level in levels() {
            let mut out = vec![f32::NAN; expected.len()];
            attend_cached_at(level, &call, &mut out, &NEVER).unwrap();
            // Beside 8 bits queries are rounded to 16, by 1/65534 of their largest value.
            let tolerance = if matches!(store, Store::Int8) { 1e-4 } else { 1e-5 };
            assert_close(&out, &expected, tolerance, &format!("{level:?} {case:?}"));
        }
    }

    #[test]
    fn a_cache_of_bf16_takes_queries_of_bf16(case in cases()) {
        let Case { kv_heads, group, q_len, depth, width, page, ref lengths, seed, .. } = case;
        let (batch, heads, rows) = (lengths.len(), kv_heads * group, if page == 0 { 300 } else { page });
        let query = array((batch, heads, q_len, depth), seed).mapv(bf16::from_f32);
        let wide_query = query.mapv(bf16::to_f32);
        let pages = if page == 0 { batch } else { batch * 300usize.div_ceil(page) };
        let key = Stored::new(array((pages, kv_heads, rows, depth), seed ^ 1), Store::Bf16);
        let value = Stored::new(array((pages, kv_heads, rows, width), seed ^ 2), Store::Bf16);
        let table = Array2::from_shape_fn((batch, 300usize.div_ceil(rows)), |(b, i)| (b + i * batch) as i64);
        let table = (page > 0).then(|| table.view());
        let signed: Vec<i64> = lengths.iter().map(|&length| length as i64).collect();
        let call = |out: &mut [f32], level| {
            let caches = (key.cache(), value.cache());
            let call = CachedCall::new(wide_query.view(), caches, &signed, table, case.options, PerHead::default());
            attend_cached_at(level, &call.unwrap(), out, &NEVER).unwrap();
        };
        let caches = (key.cache(), value.cache());
        let narrow =
            CachedCall::new(query.view(), caches, &signed, table, case.options, PerHead::default()).unwrap();
        for level in levels() {
            let mut expected = vec![f32::NAN; batch * heads * q_len * width];
            call(&mut expected, level);
            let mut out = vec![bf16::NAN; expected.len()];
            attend_cached_at(level, &narrow, &mut out, &NEVER).unwrap();
            let out: Vec<f32> = out.into_iter().map(bf16::to_f32).collect();
            // Values are at most 1: a weight, and the result, are rounded by a 512th.
            assert_close(&out, &expected, 0.006, &format!("{level:?} {case:?}"));
        }
    }

    #[test]
    fn packed_sequences_are_attended_to_one_by_one(
        lengths in proptest::collection::vec((0usize..90, 0usize..200), 0..6),
        (kv_heads, group, depth, width) in (1usize..3, 1usize..4, 1usize..50, 1usize..50),
        (causal, lower_right, slopes, sinks) in any::<(bool, bool, bool, bool)>(),
        window in proptest::option::of(1i64..60),
        seed in any::<u64>(),
    ) {
        let heads = kv_heads * group;
        let offsets = |of: fn(&(usize, usize)) -> usize| {
            let ends = lengths.iter().scan(0, |sum, length| { *sum += of(length); Some(*sum as i64) });
            std::iter::once(0).chain(ends).collect::<Vec<i64>>()
        };
        let (q_offsets, k_offsets) = (offsets(|length| length.0), offsets(|length| length.1));
        let total = |offsets: &[i64]| *offsets.last().unwrap() as usize;
        let query = array((total(&q_offsets), heads, depth), seed);
        let key = array((total(&k_offsets), kv_heads, depth), seed ^ 1);
        let value = array((kv_heads, total(&k_offsets), width), seed ^ 2).permuted_axes([1, 0, 2]);
        let alignment = if lower_right { Alignment::LowerRight } else { Alignment::UpperLeft };
        let options = Options { causal, alignment, grouped: true, window, ..Options::default() };
        let per_head = PerHead {
            alibi_slopes: slopes.then_some(&SLOPES[..heads]),
            sinks: sinks.then_some(&SINKS[..heads]),
        };
        let arrays = (query.view(), key.view(), value.view());
        let call =
            RaggedCall::new(arrays.0, arrays.1, arrays.2, (&q_offsets, &k_offsets), options, per_head).unwrap();
        for level in levels() {
            let mut out = Array3::from_elem((query.dim().0, heads, width), f32::NAN);
            attend_ragged_at(level, &call, out.as_slice_mut().unwrap(), &NEVER).unwrap();
            for (q, k) in q_offsets.windows(2).zip(k_offsets.windows(2)) {
                let part = |array: &Array3<f32>, range: &[i64]| {
                    let rows = array.slice(s![range[0] as usize..range[1] as usize, .., ..]);
                    rows.permuted_axes([1, 0, 2]).insert_axis(Axis(0)).as_standard_layout().into_owned()
                };
                let (query, key, value) = (part(&query, q), part(&key, k), part(&value, k));
                let expected = dense(query.view(), key.view(), value.view(), options, per_head);
                let ours: Vec<f32> = part(&out, q).into_iter().collect();
                assert_close(&ours, &expected, 1e-5, &format!("{level:?} {q:?} {k:?} {options:?}"));
            }
        }
    }
}

#[test]
fn long_caches_give_the_same_bits_on_any_number_of_threads() {
    let (key, value) = (array((600, 2, 16, 64), 1), array((600, 2, 16, 64), 2));
    let (key, value) = (Stored::new(key, Store::Int8), Stored::new(value, Store::Int8));
    let table = Array2::from_shape_fn((1, 600), |(_, i)| (i * 7 % 600) as i64);
    for q_len in [1, 300] {
        let query = array((1, 6, q_len, 64), 3);
        let caches = (key.cache(), value.cache());
        let call = CachedCall::new(
            query.view(),
            caches,
            &[9001],
            Some(table.view()),
            Options::default(),
            PerHead::default(),
        );
        let call = call.unwrap();
        let results: Vec<Vec<u32>> = (1..=3)
            .map(|threads| {
                pool::set_num_threads(threads);
                let mut out = vec![0.0; call.output_shape().iter().product()];
                attend_cached(&call, &mut out, &NEVER).unwrap();
                out.into_iter().map(f32::to_bits).collect()
            })
            .collect();
        assert!(results.iter().all(|result| *result == results[0]));
    }
}

#[test]
fn sums_of_integers_neither_overflow_nor_hide_what_is_not_a_number() {
    let sign = |k: usize| if k.is_multiple_of(2) { -128i8 } else { 127 };
    let key = Array4::from_shape_fn((1, 1, 20, 2048), |(_, _, k, _)| sign(k));
    let value = Array4::from_shape_fn((1, 1, 20, 3), |(_, _, k, _)| sign(k));
    let scales = Array3::from_elem((1, 1, 20), 1.0 / 128.0);
    for level in levels() {
        for (number, expected) in [(-5.0, -1.0), (5.0, 127.0 / 128.0), (f32::NAN, f32::NAN)] {
            let query = Array4::from_elem((1, 1, 1, 2048), number);
            let caches = (Cache::Int8(key.view(), scales.view()), Cache::Int8(value.view(), scales.view()));
            let call =
                CachedCall::new(query.view(), caches, &[20], None, Options::default(), PerHead::default());
            let mut out = [0.0; 3];
            attend_cached_at(level, &call.unwrap(), &mut out, &NEVER).unwrap();
            // The query's sign chooses the odd or the even keys.
            let near = |ours: f32| (ours - expected).abs() < 1e-6 || ours.is_nan() && expected.is_nan();
            assert!(out.into_iter().all(near), "{level:?} {number}: {out:?}");
        }
    }
    let long = Array4::from_elem((1, 1, 20, 2049), 1i8);
    let query = Array4::from_elem((1, 1, 1, 2049), 1.0f32);
    let caches = (Cache::Int8(long.view(), scales.view()), Cache::Int8(long.view(), scales.view()));
    let call = CachedCall::new(query.view(), caches, &[20], None, Options::default(), PerHead::default());
    assert!(call.unwrap_err().to_string().contains("up to 2048"));
}

#[test]
fn what_does_not_fit_is_named() {
    let (query, cache) = (array((2, 4, 3, 8), 1), array((2, 2, 10, 8), 2));
    let (wide, narrow) = (Stored::new(cache.clone(), Store::F32), Stored::new(cache.clone(), Store::Int8));
    let table = ndarray::arr2(&[[0i64, 1], [1, 2]]);
    let failed = |caches, lengths: &[i64], table: Option<&Array2<i64>>| {
        let table = table.map(|table| table.view());
        let call =
            CachedCall::new(query.view(), caches, lengths, table, Options::default(), PerHead::default());
        call.unwrap_err().to_string()
    };
    let both = (wide.cache(), wide.cache());
    assert_eq!(failed(both, &[4, 11], None), "lengths[1] is 11: expected 0 to 10, the capacity");
    assert_eq!(failed(both, &[-1, 1], None), "lengths[0] is -1: expected 0 to 10, the capacity");
    assert_eq!(failed(both, &[4], None), "lengths has 1 values: expected 2");
    assert_eq!(failed(both, &[4, 21], Some(&table)), "lengths[1] is 21: expected 0 to 20, the capacity");
    let error = failed(both, &[4, 11], Some(&table));
    assert_eq!(error, "block_table[1, 1] is 2: expected a page from 0 to 1");
    assert!(failed((wide.cache(), narrow.cache()), &[4, 4], None).contains("element types"));
    let scales = narrow.scales.slice(s![.., .., ..9]);
    let error = failed((Cache::Int8(narrow.int8.view(), scales), narrow.cache()), &[4, 4], None);
    assert_eq!(error, "the scales of key_cache have the shape [2, 2, 9]: expected [2, 2, 10]");
    let columns = cache.view().permuted_axes([0, 1, 3, 2]).as_standard_layout().into_owned();
    let columns = columns.view().permuted_axes([0, 1, 3, 2]);
    assert!(failed((Cache::F32(columns), wide.cache()), &[4, 4], None).contains("contiguous last axis"));

    let (query, key) = (array((7, 4, 8), 1), array((7, 4, 8), 2));
    let failed = |q: &[i64], k: &[i64]| {
        let (query, key) = (query.view(), key.view());
        let call = RaggedCall::new(query, key, key, (q, k), Options::default(), PerHead::default());
        call.unwrap_err().to_string()
    };
    assert_eq!(failed(&[1, 7], &[0, 7]), "cu_seqlens_q[0] is 1: expected 0");
    assert_eq!(failed(&[0, 7], &[0, 5, 4, 7]), "cu_seqlens_k[2] is 4: expected 5 or more, as before it");
    assert_eq!(failed(&[0, 6], &[0, 7]), "cu_seqlens_q[1] is 6: expected 7, the length of all sequences");
    assert_eq!(failed(&[0, 7], &[0, 3, 7]), "cu_seqlens_k has 3 values: expected 2");
    assert_eq!(failed(&[], &[]), "cu_seqlens_q has 0 values: expected 1");
}
