//! The gradients against the definition in plain `f64`, over shapes, masks, strides and instruction sets.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "helpers of tests; views are passed like slices"
)]

use ferrolm_attention::{
    Alignment, AttentionError, Call, Forward, Gradients, Mask, Options, attend_keeping, gradients,
    gradients_at,
};
use ferrolm_base::cancel::NEVER;
use ferrolm_base::simd::{Level, detected, level};
use ferrolm_base::{Cancel, pool};
use ndarray::{Array4, ArrayView4, s};
use proptest::prelude::*;

/// Gradients of query, key and value by the chain rule, all scores written out.
fn reference(
    query: ArrayView4<f32>,
    key: ArrayView4<f32>,
    value: ArrayView4<f32>,
    mask: &Mask,
    options: &Options,
    gradient: ArrayView4<f32>,
) -> [Array4<f64>; 3] {
    let (batch, heads, q_len, depth) = query.dim();
    let (_, kv_heads, k_len, width) = value.dim();
    let scale = options.scale.map_or(1.0 / (depth as f64).sqrt(), f64::from);
    let shift = if options.alignment == Alignment::LowerRight { k_len as i64 - q_len as i64 } else { 0 };
    let mut d_query = Array4::<f64>::zeros(query.dim());
    let mut d_key = Array4::<f64>::zeros(key.dim());
    let mut d_value = Array4::<f64>::zeros(value.dim());
    for (b, h, i) in (0..batch * heads * q_len).map(|at| (at / heads / q_len, at / q_len % heads, at % q_len))
    {
        let kv = h * kv_heads / heads;
        // Each score and its derivative by the product of query and key.
        let scored = |j: usize| {
            let distance = i as i64 + shift - j as i64;
            if (options.causal && distance < 0) || distance.abs() >= options.window.unwrap_or(i64::MAX) {
                return (f64::NEG_INFINITY, 0.0);
            }
            let dot: f64 =
                (0..depth).map(|d| f64::from(query[[b, h, i, d]]) * f64::from(key[[b, kv, j, d]])).sum();
            let (score, slope) = options.softcap.map_or((dot * scale, scale), |cap| {
                let tangent = (dot * scale / f64::from(cap)).tanh();
                (f64::from(cap) * tangent, scale * (1.0 - tangent * tangent))
            });
            let at = |shape: &[usize]| {
                let pick = |axis: usize, index: usize| if shape[axis] == 1 { 0 } else { index };
                [pick(0, b), pick(1, h), pick(2, i), pick(3, j)]
            };
            match mask {
                Mask::None => (score, slope),
                Mask::Boolean(m) if m[at(m.shape())] => (score, slope),
                Mask::Boolean(_) => (f64::NEG_INFINITY, 0.0),
                Mask::Additive(m) => (score + f64::from(m[at(m.shape())]), slope),
            }
        };
        let scores: Vec<(f64, f64)> = (0..k_len).map(scored).collect();
        let maximum = scores.iter().map(|score| score.0).fold(f64::NEG_INFINITY, f64::max);
        if maximum == f64::NEG_INFINITY {
            continue;
        }
        let weights: Vec<f64> = scores.iter().map(|score| (score.0 - maximum).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let of = |j: usize| -> f64 {
            (0..width).map(|d| f64::from(gradient[[b, h, i, d]]) * f64::from(value[[b, kv, j, d]])).sum()
        };
        let mean: f64 = weights.iter().enumerate().map(|(j, weight)| weight / sum * of(j)).sum();
        for j in 0..k_len {
            let weight = weights[j] / sum;
            for d in 0..width {
                d_value[[b, kv, j, d]] += weight * f64::from(gradient[[b, h, i, d]]);
            }
            let slope = weight * (of(j) - mean) * scores[j].1;
            for d in 0..depth {
                d_query[[b, h, i, d]] += slope * f64::from(key[[b, kv, j, d]]);
                d_key[[b, kv, j, d]] += slope * f64::from(query[[b, h, i, d]]);
            }
        }
    }
    [d_query, d_key, d_value]
}

/// Reproducible values in ±`size`.
fn array(shape: (usize, usize, usize, usize), seed: u64, size: f32) -> Array4<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    Array4::from_shape_simple_fn(shape, || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * size
    })
}

/// Forward and backward at a level.
fn ours(level: Level, call: &Call<f32>, shapes: [usize; 3], gradient: ArrayView4<f32>) -> [Vec<f32>; 3] {
    let mut out = Array4::zeros(call.output_shape());
    let log_sums = attend_keeping(level, call, out.as_slice_mut().unwrap(), &NEVER).unwrap();
    let forward = Forward { out: out.view(), log_sums: &log_sums, gradient };
    let [mut query, mut key, mut value] = shapes.map(|size| vec![f32::NAN; size]);
    let to = Gradients { query: &mut query, key: &mut key, value: &mut value };
    gradients_at(level, call, &forward, to, &NEVER).unwrap();
    [query, key, value]
}

fn check<'a>(
    query: ArrayView4<'a, f32>,
    key: ArrayView4<'a, f32>,
    value: ArrayView4<'a, f32>,
    mask: Mask<'a>,
    options: Options,
    gradient: ArrayView4<f32>,
) {
    let expected = reference(query, key, value, &mask, &options, gradient);
    let call = Call::new(query, key, value, mask, options).unwrap();
    for level in
        [Level::Portable, Level::Avx2, Level::Avx512].into_iter().filter(|level| *level <= detected())
    {
        let found = ours(level, &call, [query.len(), key.len(), value.len()], gradient);
        for ((found, expected), name) in found.iter().zip(&expected).zip(["query", "key", "value"]) {
            let size = expected.iter().fold(1.0, |size: f64, value| size.max(value.abs()));
            for (index, (ours, theirs)) in found.iter().zip(expected).enumerate() {
                assert!(
                    (f64::from(*ours) - theirs).abs() <= 1e-5 * size,
                    "{level:?} {:?} {:?} {options:?}, {name} at {index}: {ours} instead of {theirs}",
                    query.dim(),
                    key.dim()
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_call_agrees_with_the_definition(
        (batch, kv_heads, group) in (1usize..3, 1usize..3, 1usize..4),
        (q_len, k_len, depth, width) in (0usize..130, 0usize..300, 1usize..72, 0usize..72),
        (causal, lower_right) in any::<(bool, bool)>(),
        window in proptest::option::of(1i64..200),
        softcap in proptest::option::of(0.5f32..60.0),
        scale in proptest::option::of(-1f32..1.0),
        kind in 0u8..4,
        seed in any::<u64>(),
    ) {
        let alignment = if lower_right { Alignment::LowerRight } else { Alignment::UpperLeft };
        let options = Options { causal, alignment, scale, grouped: true, window, softcap };
        // Every third case is one of few queries.
        let q_len = if seed % 3 == 0 { q_len % 5 } else { q_len };
        let heads = kv_heads * group;
        let query = array((batch, heads, q_len, depth), seed, 2.0);
        let key = array((batch, kv_heads, k_len, depth), seed ^ 1, 2.0);
        // As transformers has it: (batch, time, heads, d) seen through a transposition.
        let value = array((batch, k_len, kv_heads, width), seed ^ 2, 1.0);
        let value = value.view().permuted_axes([0, 2, 1, 3]);
        let gradient = array((batch, q_len, heads, width), seed ^ 4, 1.0);
        let gradient = gradient.view().permuted_axes([0, 2, 1, 3]);
        let bias = array((batch, 1, q_len, k_len), seed ^ 3, 3.0);
        let flags = bias.mapv(|value| value > -1.0);
        let padding = Array4::from_shape_fn((batch, 1, 1, k_len), |(b, _, _, j)| j >= b * 140 % (k_len + 1));
        let mask = match kind {
            0 => Mask::None,
            1 => Mask::Boolean(flags.view()),
            2 => Mask::Boolean(padding.view()),
            _ => Mask::Additive(bias.view()),
        };
        check(query.view(), key.view(), value, mask, options, gradient);
    }
}

#[test]
fn long_sequences_and_split_keys_agree() {
    // Few heads and many keys: ranges of keys that add to the same queries; many queries: several blocks of rows.
    let (query, key, value) =
        (array((1, 1, 800, 8), 1, 1.0), array((1, 1, 1100, 8), 2, 1.0), array((1, 1, 1100, 12), 3, 1.0));
    let gradient = array((1, 1, 800, 12), 4, 1.0);
    for window in [None, Some(150)] {
        let options = Options {
            causal: true,
            alignment: Alignment::LowerRight,
            grouped: true,
            window,
            ..Options::default()
        };
        check(query.view(), key.view(), value.view(), Mask::None, options, gradient.view());
    }
}

#[test]
fn rows_that_see_nothing_have_no_gradient_and_padding_may_hold_anything() {
    let (query, mut key, mut value) =
        (array((1, 1, 30, 16), 1, 1.0), array((1, 1, 150, 16), 2, 1.0), array((1, 1, 150, 16), 3, 1.0));
    key.slice_mut(s![.., .., ..40, ..]).fill(1e30);
    value.slice_mut(s![.., .., ..40, ..]).fill(1e38);
    let mask = Array4::from_shape_fn((1, 1, 30, 150), |(_, _, i, j)| i != 7 && j >= 40);
    let gradient = array((1, 1, 30, 16), 4, 9.0);
    check(
        query.view(),
        key.view(),
        value.view(),
        Mask::Boolean(mask.view()),
        Options::default(),
        gradient.view(),
    );
    let call =
        Call::new(query.view(), key.view(), value.view(), Mask::Boolean(mask.view()), Options::default())
            .unwrap();
    let [query, key, _] = ours(level(), &call, [query.len(), key.len(), value.len()], gradient.view());
    assert!(query[7 * 16..8 * 16].iter().chain(&key[..40 * 16]).all(|value| *value == 0.0));
}

#[test]
fn one_gradient_for_all_elements_need_not_be_expanded() {
    let query = array((1, 2, 40, 16), 1, 1.0);
    let one = Array4::<f32>::from_elem((1, 1, 1, 1), 1.0);
    let gradient = one.broadcast(query.dim()).unwrap();
    check(query.view(), query.view(), query.view(), Mask::None, Options::default(), gradient);
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let query = array((1, 4, 300, 64), 1, 1.0);
    let key = array((1, 2, 2100, 64), 2, 1.0);
    let options =
        Options { causal: true, alignment: Alignment::LowerRight, grouped: true, ..Options::default() };
    let call = Call::new(query.view(), key.view(), key.view(), Mask::None, options).unwrap();
    let results: Vec<Vec<Vec<u32>>> = (1..=3)
        .map(|threads| {
            pool::set_num_threads(threads);
            let found = ours(level(), &call, [query.len(), key.len(), key.len()], query.view());
            found.into_iter().map(|array| array.into_iter().map(f32::to_bits).collect()).collect()
        })
        .collect();
    assert!(results.iter().all(|result| *result == results[0]));
}

#[test]
fn a_raised_flag_stops_the_call_and_wrong_sizes_are_named() {
    let query = array((1, 2, 64, 16), 1, 1.0);
    let call = Call::new(query.view(), query.view(), query.view(), Mask::None, Options::default()).unwrap();
    let log_sums = vec![0.0; 128];
    let forward = Forward { out: query.view(), log_sums: &log_sums, gradient: query.view() };
    let [mut a, mut b, mut c] = [0; 3].map(|_| vec![0.0; query.len()]);
    let cancel = Cancel::new();
    cancel.cancel();
    let to = Gradients { query: &mut a, key: &mut b, value: &mut c };
    assert!(matches!(gradients(&call, &forward, to, &cancel), Err(AttentionError::Cancelled(_))));
    let to = Gradients { query: &mut a, key: &mut b[1..], value: &mut c };
    let error = gradients(&call, &forward, to, &NEVER).unwrap_err();
    assert!(error.to_string().contains("key has 2047 values: expected 2048"), "{error}");
    let forward = Forward { gradient: query.slice(s![.., .., 1.., ..]), ..forward };
    let to = Gradients { query: &mut a, key: &mut b, value: &mut c };
    let error = gradients(&call, &forward, to, &NEVER).unwrap_err();
    assert!(error.to_string().contains("[1, 2, 63, 16]"), "{error}");
}
