//! Every kernel against the definition in plain `f64`, over shapes, masks, strides and instruction sets.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "helpers of tests; views are passed like slices"
)]

use ferrolm_attention::{Alignment, AttentionError, Call, Mask, Options, PerHead, attend, attend_at, bf16};
use ferrolm_base::cancel::NEVER;
use ferrolm_base::simd::{Level, detected};
use ferrolm_base::{Cancel, pool};
use ndarray::{Array4, ArrayView4, s};
use proptest::prelude::*;

/// The definition: softmax(cap(scale · q · k) + mask - slope · distance) · v with a sink in the sum, zeros where
/// nothing is seen.
fn reference(
    query: ArrayView4<f32>,
    key: ArrayView4<f32>,
    value: ArrayView4<f32>,
    mask: &Mask,
    options: &Options,
    per_head: &PerHead,
) -> Array4<f64> {
    let (batch, heads, q_len, depth) = query.dim();
    let (_, kv_heads, k_len, width) = value.dim();
    let scale = options.scale.map_or(1.0 / (depth as f64).sqrt(), f64::from);
    let shift = if options.alignment == Alignment::LowerRight { k_len as i64 - q_len as i64 } else { 0 };
    let mut out = Array4::zeros((batch, heads, q_len, width));
    for b in 0..batch {
        for h in 0..heads {
            let kv = h * kv_heads / heads;
            for i in 0..q_len {
                let score = |j: usize| {
                    let distance = i as i64 + shift - j as i64;
                    let reach = options.window.unwrap_or(i64::MAX);
                    if (options.causal && distance < 0) || distance.abs() >= reach {
                        return f64::NEG_INFINITY;
                    }
                    let dot: f64 = (0..depth)
                        .map(|d| f64::from(query[[b, h, i, d]]) * f64::from(key[[b, kv, j, d]]))
                        .sum();
                    let score = dot * scale;
                    let score = options.softcap.map_or(score, |cap| {
                        let cap = f64::from(cap);
                        cap * (score / cap).tanh()
                    });
                    let slope = per_head.alibi_slopes.map_or(0.0, |slopes| f64::from(slopes[h]));
                    let score = score - slope * distance.abs() as f64;
                    let at = |shape: &[usize]| {
                        let pick = |axis: usize, index: usize| if shape[axis] == 1 { 0 } else { index };
                        [pick(0, b), pick(1, h), pick(2, i), pick(3, j)]
                    };
                    match mask {
                        Mask::None => score,
                        Mask::Boolean(m) if m[at(m.shape())] => score,
                        Mask::Boolean(_) => f64::NEG_INFINITY,
                        Mask::Additive(m) => score + f64::from(m[at(m.shape())]),
                    }
                };
                let scores: Vec<f64> = (0..k_len).map(score).collect();
                let maximum = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                if maximum == f64::NEG_INFINITY {
                    continue;
                }
                let weights: Vec<f64> = scores.iter().map(|score| (score - maximum).exp()).collect();
                let sink = per_head.sinks.map_or(0.0, |sinks| (f64::from(sinks[h]) - maximum).exp());
                let sum = weights.iter().sum::<f64>() + sink;
                for d in 0..width {
                    let dot: f64 =
                        weights.iter().enumerate().map(|(j, w)| w * f64::from(value[[b, kv, j, d]])).sum();
                    out[[b, h, i, d]] = dot / sum;
                }
            }
        }
    }
    out
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

fn levels() -> impl Iterator<Item = Level> {
    [Level::Portable, Level::Avx2, Level::Avx512].into_iter().filter(|level| *level <= detected())
}

/// Run at every level and compare with the definition.
fn check<'a>(
    query: ArrayView4<'a, f32>,
    key: ArrayView4<'a, f32>,
    value: ArrayView4<'a, f32>,
    mask: Mask<'a>,
    options: Options,
    tolerance: f64,
) {
    check_per_head(query, key, value, mask, options, PerHead::default(), tolerance);
}

fn check_per_head<'a>(
    query: ArrayView4<'a, f32>,
    key: ArrayView4<'a, f32>,
    value: ArrayView4<'a, f32>,
    mask: Mask<'a>,
    options: Options,
    per_head: PerHead<'a>,
    tolerance: f64,
) {
    let expected = reference(query, key, value, &mask, &options, &per_head);
    let call = Call::new(query, key, value, mask, options).unwrap().with_per_head(per_head).unwrap();
    for level in levels() {
        let mut out = vec![f32::NAN; expected.len()];
        attend_at(level, &call, &mut out, &NEVER).unwrap();
        for (index, (ours, theirs)) in out.iter().zip(&expected).enumerate() {
            assert!(
                (f64::from(*ours) - theirs).abs() <= tolerance,
                "{level:?} {:?} {:?} {options:?} {per_head:?} at {index}: {ours} instead of {theirs}",
                query.dim(),
                key.dim()
            );
        }
    }
}

/// The same in bfloat16, against the definition for the rounded values.
fn check_bf16<'a>(
    [query, key, value]: &'a [Array4<bf16>; 3],
    mask: Mask<'a>,
    options: Options,
    per_head: PerHead<'a>,
) {
    let [wide_query, wide_key, wide] = [query, key, value].map(|array| array.mapv(bf16::to_f32));
    let exact = |value: &Array4<f32>| {
        reference(wide_query.view(), wide_key.view(), value.view(), &mask, &options, &per_head)
    };
    let (expected, magnitudes) = (exact(&wide), exact(&wide.mapv(f32::abs)));
    let call = Call::new(query.view(), key.view(), value.view(), mask, options).unwrap();
    let call = call.with_per_head(per_head).unwrap();
    for level in levels() {
        let mut out = vec![bf16::NAN; expected.len()];
        attend_at(level, &call, &mut out, &NEVER).unwrap();
        for (index, ((ours, theirs), magnitude)) in out.iter().zip(&expected).zip(&magnitudes).enumerate() {
            let bound = 0.004 * theirs.abs() + of_weights(level, query.dim().2) * magnitude + 1e-5;
            assert!(
                (ours.to_f64() - theirs).abs() <= bound,
                "{level:?} {:?} {:?} {options:?} {per_head:?} at {index}: {ours} instead of {theirs}",
                query.dim(),
                key.dim()
            );
        }
    }
}

/// Weights that are rounded to bfloat16, as with many queries where there are instructions for its products, are wrong by a
/// 512th, and so is their sum: how far a context may be off, in terms of its values' magnitudes.
fn of_weights(level: Level, q_len: usize) -> f64 {
    #[cfg(target_arch = "x86_64")]
    let rounded = std::arch::is_x86_feature_detected!("avx512bf16") && level == Level::Avx512;
    #[cfg(not(target_arch = "x86_64"))]
    let rounded = false;
    if rounded && q_len > 2 { 1.0 / 256.0 } else { 0.0 }
}

#[derive(Clone, Debug)]
struct Case {
    batch: usize,
    kv_heads: usize,
    group: usize,
    q_len: usize,
    k_len: usize,
    depth: usize,
    width: usize,
    options: Options,
    /// 0 none, 1 boolean, 2 boolean per key, 3 additive.
    mask: u8,
    slopes: bool,
    sinks: bool,
    transposed: bool,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (1usize..3, 1usize..3, 1usize..4, 0usize..130, 0usize..300, 1usize..72, 0usize..72);
    let options = (
        any::<bool>(),
        any::<bool>(),
        proptest::option::of(1i64..200),
        proptest::option::of(0.5f32..60.0),
        proptest::option::of(-1f32..1.0),
    );
    (sizes, options, 0u8..4, any::<[bool; 3]>(), any::<u64>()).prop_map(
        |((batch, kv_heads, group, q_len, k_len, depth, width), options, mask, flags, seed)| {
            let [slopes, sinks, transposed] = flags;
            let (causal, lower_right, window, softcap, scale) = options;
            let alignment = if lower_right { Alignment::LowerRight } else { Alignment::UpperLeft };
            let options = Options { causal, alignment, scale, grouped: true, window, softcap };
            // Every third case is one of few queries.
            let q_len = if seed % 3 == 0 { q_len % 5 } else { q_len };
            Case {
                batch,
                kv_heads,
                group,
                q_len,
                k_len,
                depth,
                width,
                options,
                mask,
                slopes,
                sinks,
                transposed,
                seed,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]
    #[test]
    fn any_call_agrees_with_the_definition(case in cases()) {
        let Case { batch, kv_heads, group, q_len, k_len, depth, width, options, seed, .. } = case;
        let heads = kv_heads * group;
        let query = array((batch, heads, q_len, depth), seed, 2.0);
        let key = array((batch, kv_heads, k_len, depth), seed ^ 1, 2.0);
        // As transformers has it: (batch, time, heads, d) seen through a transposition.
        let value = array((batch, k_len, kv_heads, width), seed ^ 2, 1.0);
        let value = value.view().permuted_axes([0, 2, 1, 3]);
        let bias = array((batch, 1, q_len, k_len), seed ^ 3, 3.0);
        let flags = bias.mapv(|value| value > -1.0);
        let padding = Array4::from_shape_fn((batch, 1, 1, k_len), |(b, _, _, j)| j >= b * 140 % (k_len + 1));
        let mask = match case.mask {
            0 => Mask::None,
            1 => Mask::Boolean(flags.view()),
            2 => Mask::Boolean(padding.view()),
            _ => Mask::Additive(bias.view()),
        };
        let columns = key.view().permuted_axes([0, 1, 3, 2]).as_standard_layout().into_owned();
        let key = if case.transposed { columns.view().permuted_axes([0, 1, 3, 2]) } else { key.view() };
        let slopes: Vec<f32> = (0..heads).map(|head| [0.5, 0.004, -0.01][head % 3]).collect();
        let sinks: Vec<f32> = (0..heads).map(|head| [0.3, -4.0, 9.0, 2.0][head % 4]).collect();
        let per_head = PerHead {
            alibi_slopes: case.slopes.then_some(&slopes),
            sinks: case.sinks.then_some(&sinks),
        };
        check_per_head(query.view(), key, value, mask, options, per_head, 1e-5);
        if seed % 2 == 0 {
            let narrow = [query.view(), key, value].map(|array| array.mapv(bf16::from_f32));
            check_bf16(&narrow, mask, options, per_head);
        }
    }
}

#[test]
fn sinks_beyond_all_scores_take_everything_and_those_far_below_nothing() {
    for q_len in [2, 40] {
        let query = array((1, 3, q_len, 16), 1, 1.0);
        let (key, value) = (array((1, 3, 70, 16), 2, 1.0), array((1, 3, 70, 16), 3, 1.0));
        let sinks = [1e30, -1e30, 150.0];
        let per_head = PerHead { sinks: Some(&sinks), ..PerHead::default() };
        let (query, key, value) = (query.view(), key.view(), value.view());
        check_per_head(query, key, value, Mask::None, Options::default(), per_head, 1e-5);
    }
}

#[test]
fn values_of_heads_are_as_many_as_heads_and_finite() {
    let query = array((1, 2, 3, 16), 1, 1.0);
    let with = |per_head| {
        let call = Call::new(query.view(), query.view(), query.view(), Mask::None, Options::default());
        call.unwrap().with_per_head(per_head).unwrap_err().to_string()
    };
    let error = with(PerHead { alibi_slopes: Some(&[0.5; 3]), ..PerHead::default() });
    assert!(error.contains("alibi_slopes has 3 values: expected 2"), "{error}");
    let error = with(PerHead { sinks: Some(&[0.0, f32::NAN]), ..PerHead::default() });
    assert!(error.contains("sinks is NaN for head 1"), "{error}");
}

#[test]
fn long_sequences_and_every_head_dimension_agree() {
    for depth in [1, 3, 7, 8, 15, 16, 17, 31, 64, 80, 96, 127, 128, 255, 256] {
        for q_len in [1, 7, 8, 65] {
            let query = array((1, 2, q_len, depth), 5, 1.0);
            let (key, value) = (array((1, 1, 260, depth), 6, 1.0), array((1, 1, 260, depth), 7, 1.0));
            let options = Options {
                causal: true,
                alignment: Alignment::LowerRight,
                grouped: true,
                ..Options::default()
            };
            check(query.view(), key.view(), value.view(), Mask::None, options, 1e-5);
        }
    }
    let query = array((1, 1, 2, 64), 5, 1.0);
    let (key, value) = (array((1, 1, 9000, 64), 6, 1.0), array((1, 1, 9000, 64), 7, 1.0));
    check(query.view(), key.view(), value.view(), Mask::None, Options::default(), 1e-5);
}

#[test]
fn extreme_scores_neither_overflow_nor_vanish() {
    for q_len in [3, 40] {
        let mut query = Array4::<f32>::zeros((1, 1, q_len, 16));
        let mut key = Array4::<f32>::zeros((1, 1, 200, 16));
        query.slice_mut(s![.., .., .., 0]).fill(1.0);
        for j in 0..200 {
            key[[0, 0, j, 0]] = if j % 2 == 0 { 1e4 } else { -1e4 };
        }
        let value = array((1, 1, 200, 16), 9, 1.0);
        let options = Options { scale: Some(1.0), ..Options::default() };
        check(query.view(), key.view(), value.view(), Mask::None, options, 1e-5);
        check(
            query.view(),
            key.view(),
            value.view(),
            Mask::None,
            Options { scale: Some(-1.0), ..Options::default() },
            1e-5,
        );
    }
}

#[test]
fn masked_rows_are_zero_and_nan_is_not_hidden() {
    for q_len in [2, 20] {
        let query = array((1, 1, q_len, 32), 1, 1.0);
        let (mut key, value) = (array((1, 1, 150, 32), 2, 1.0), array((1, 1, 150, 32), 3, 1.0));
        let mask = Array4::from_shape_fn((1, 1, q_len, 150), |(_, _, i, j)| i != 1 && j > 3);
        check(query.view(), key.view(), value.view(), Mask::Boolean(mask.view()), Options::default(), 1e-5);
        key[[0, 0, 149, 5]] = f32::NAN;
        let call = Call::new(query.view(), key.view(), value.view(), Mask::None, Options::default()).unwrap();
        for level in levels() {
            let mut out = vec![0.0; q_len * 32];
            attend_at(level, &call, &mut out, &NEVER).unwrap();
            assert!(out.iter().all(|value| value.is_nan()), "{level:?}");
        }
    }
}

/// As in a cache that is longer than what is in it, of which the mask leaves an odd number from an odd one on.
#[test]
fn what_a_mask_hides_at_both_ends_may_be_anything() {
    let narrow = |seed| array((1, 1, 300, 32), seed, 1.0).mapv(bf16::from_f32);
    let (query, mut key, mut value) = (narrow(1), narrow(2), narrow(3));
    let query = query.slice(s![.., .., ..70, ..]);
    let seen = Array4::from_shape_fn((1, 1, 1, 300), |(.., at)| (3..150).contains(&at));
    let run = |key: &Array4<bf16>, value: &Array4<bf16>, level| {
        let mask = Mask::Boolean(seen.view());
        let call = Call::new(query, key.view(), value.view(), mask, Options::default()).unwrap();
        let mut out = vec![bf16::NAN; 70 * 32];
        attend_at(level, &call, &mut out, &NEVER).unwrap();
        out
    };
    let expected: Vec<_> = levels().map(|level| run(&key, &value, level)).collect();
    for hidden in [s![.., .., ..3, ..], s![.., .., 150.., ..]] {
        key.slice_mut(hidden).fill(bf16::NAN);
        value.slice_mut(hidden).fill(bf16::NAN);
    }
    for (level, expected) in levels().zip(expected) {
        assert_eq!(run(&key, &value, level), expected, "{level:?}");
    }
}

#[test]
fn sixteen_bit_elements_are_those_of_their_widened_values() {
    for (q_len, depth) in [(1, 64), (2, 20), (70, 33)] {
        let narrow = |seed| array((2, 2, 150, depth), seed, 1.0).mapv(bf16::from_f32);
        let (query, key, value) = (narrow(1), narrow(2), narrow(3));
        let query = query.slice(s![.., .., ..q_len, ..]);
        let call = Call::new(query, key.view(), value.view(), Mask::None, Options::default()).unwrap();
        let wide = |view: ArrayView4<bf16>| view.mapv(bf16::to_f32);
        let (query, key, value) = (wide(query), wide(key.view()), wide(value.view()));
        let exact = |value: &Array4<f32>| {
            let (mask, options) = (Mask::None, Options::default());
            reference(query.view(), key.view(), value.view(), &mask, &options, &PerHead::default())
        };
        let (expected, magnitudes) = (exact(&value), exact(&value.mapv(f32::abs)));
        for level in levels() {
            let mut out = vec![bf16::ZERO; expected.len()];
            attend_at(level, &call, &mut out, &NEVER).unwrap();
            let of_weights = of_weights(level, q_len);
            let mut squares = [0.0; 2];
            for ((ours, theirs), magnitude) in out.iter().zip(&expected).zip(&magnitudes) {
                let error = ours.to_f64() - theirs;
                let bound = 0.004 * theirs.abs() + of_weights * magnitude + 1e-5;
                assert!(error.abs() <= bound, "{ours} {theirs}");
                squares[0] += error * error;
                squares[1] += theirs * theirs;
            }
            // Half of the last of eight digits at most, and less on average.
            let roundings = if of_weights > 0.0 { 2.0f64 } else { 1.0 };
            assert!(squares[0].sqrt() <= (roundings * squares[1]).sqrt() / 512.0, "{squares:?} {level:?}");
        }
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let query = array((2, 6, 400, 64), 1, 1.0);
    let (key, value) = (array((2, 3, 5000, 64), 2, 1.0), array((2, 3, 5000, 64), 3, 1.0));
    for q_len in [1, 400] {
        let options =
            Options { causal: true, alignment: Alignment::LowerRight, grouped: true, ..Options::default() };
        let query = query.slice(s![.., .., ..q_len, ..]);
        let call = Call::new(query, key.view(), value.view(), Mask::None, options).unwrap();
        let results: Vec<Vec<u32>> = (1..=3)
            .map(|threads| {
                pool::set_num_threads(threads);
                let mut out = vec![0.0; call.output_shape().iter().product()];
                attend(&call, &mut out, &NEVER).unwrap();
                out.into_iter().map(f32::to_bits).collect()
            })
            .collect();
        assert!(results.iter().all(|result| *result == results[0]));
    }
}

#[test]
fn a_raised_flag_stops_the_call_and_bad_shapes_are_named() {
    let query = array((1, 2, 64, 16), 1, 1.0);
    let call = Call::new(query.view(), query.view(), query.view(), Mask::None, Options::default()).unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    let result = attend(&call, &mut vec![0.0; query.len()], &cancel);
    assert!(matches!(result, Err(AttentionError::Cancelled(_))));

    let key = array((1, 2, 64, 8), 1, 1.0);
    let error = Call::new(query.view(), key.view(), key.view(), Mask::None, Options::default()).unwrap_err();
    assert!(error.to_string().contains("[1, 2, 64, 8]"), "{error}");
}
