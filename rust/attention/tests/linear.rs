//! Products with kept weights against the plain definition, in every format and at every level.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::any::TypeId;

use ferrolm_attention::{Element, Format, GROUP, Matrix, Weights, bf16, f16};
use ferrolm_base::cancel::NEVER;
use ferrolm_base::simd::Level;
use ndarray::{Array2, ArrayView2};
use proptest::prelude::*;

/// Numbers that look random, between -1 and 1.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn product(x: &[f32], weights: &ArrayView2<'_, f32>) -> Vec<f64> {
    let rows = x.chunks_exact(weights.ncols());
    let one = |x: &[f32], row: ndarray::ArrayView1<'_, f32>| -> f64 {
        x.iter().zip(row).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum()
    };
    rows.flat_map(|x| weights.rows().into_iter().map(move |row| one(x, row)).collect::<Vec<_>>()).collect()
}

/// How far weights between -1 and 1 may be from what is kept: the root of the mean square in a group. In four bits an eighth,
/// which is what the scale that spans the group would give: the one that is taken is no worse.
fn rounding(format: Format) -> f64 {
    match format {
        Format::Int8 => 4.5e-3,
        Format::Int4 => 0.1251,
    }
}

fn widened(weights: &Weights) -> Array2<f32> {
    let (outputs, inputs) = weights.shape();
    let mut wide = vec![0.0; outputs * inputs];
    Matrix::from(weights).lookup(&(0..outputs).collect::<Vec<_>>(), &mut wide).unwrap();
    Array2::from_shape_vec((outputs, inputs), wide).unwrap()
}

proptest! {
    #[test]
    fn products_are_those_of_the_definition(
        rows in 1usize..10, inputs in 1usize..300, outputs in 1usize..70, seed: u32,
        format in prop::sample::select(Format::ALL.to_vec()), biased: bool,
    ) {
        let matrix = Array2::from_shape_vec((outputs, inputs), numbers(outputs * inputs, seed)).unwrap();
        let x = numbers(rows * inputs, seed.wrapping_add(77));
        let bias = biased.then(|| numbers(outputs, seed.wrapping_add(5)));
        let weights = Weights::new(matrix.view(), format).unwrap();
        let kept = widened(&weights);
        for (kept, weights) in kept.rows().into_iter().zip(matrix.rows()) {
            for (kept, weights) in kept.to_vec().chunks(GROUP).zip(weights.to_vec().chunks(GROUP)) {
                let squares = kept.iter().zip(weights).map(|(kept, weight)| f64::from(kept - weight).powi(2));
                prop_assert!((squares.sum::<f64>() / kept.len() as f64).sqrt() <= rounding(format));
            }
        }
        let expected = product(&x, &kept.view());
        // An input of a quantized product is wrong by half a step of its group, at most 1 / 254 here: no product can be
        // wrong by more than all of its weights times that.
        let bounds: Vec<f64> =
            kept.rows().into_iter().map(|row| row.iter().map(|w| f64::from(w.abs())).sum::<f64>() / 254.0).collect();
        let mut plain = Vec::new();
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            let mut out = vec![f32::NAN; rows * outputs];
            Matrix::from(&weights).apply_at(level, &x, bias.as_deref(), &mut out, &NEVER).unwrap();
            for (at, (found, expected)) in out.iter().zip(&expected).enumerate() {
                let expected = expected + bias.as_ref().map_or(0.0, |bias| f64::from(bias[at % outputs]));
                let bound = bounds[at % outputs] + 1e-4;
                prop_assert!((f64::from(*found) - expected).abs() <= bound, "{} {} {:?}", found, expected, level);
            }
            if plain.is_empty() {
                plain.clone_from(&out);
            }
            for (found, plain) in out.iter().zip(&plain) {
                prop_assert!((found - plain).abs() <= 1e-4, "{} {} {:?}", found, plain, level);
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_the_others(
        rows in 2usize..10, inputs in 1usize..200, seed: u32, format in prop::sample::select(Format::ALL.to_vec()),
    ) {
        let matrix = Array2::from_shape_vec((9, inputs), numbers(9 * inputs, seed)).unwrap();
        let x = numbers(rows * inputs, seed.wrapping_add(1));
        let weights = Weights::new(matrix.view(), format).unwrap();
        let mut together = vec![0.0; rows * 9];
        Matrix::from(&weights).apply(&x, None, &mut together, &NEVER).unwrap();
        for (x, together) in x.chunks_exact(inputs).zip(together.chunks_exact(9)) {
            let mut alone = [0.0; 9];
            Matrix::from(&weights).apply(x, None, &mut alone, &NEVER).unwrap();
            prop_assert_eq!(&alone[..], together);
        }
    }
}

fn rounded(x: &[f32]) -> Vec<f32> {
    x.iter().map(|x| bf16::from_f32(*x).to_f32()).collect()
}

/// Whether products at the level are of pairs of bfloat16, the inputs rounded.
fn rounds_inputs<E: Element>(level: Level) -> bool {
    #[cfg(target_arch = "x86_64")]
    let units = std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    let units = false;
    TypeId::of::<E>() == TypeId::of::<bf16>()
        && units
        && level.min(ferrolm_base::simd::detected()) == Level::Avx512
}

/// Products with a matrix in memory, along either axis, with `x` of float32.
fn check_dense<E: Element + Into<f32>>(matrix: &Array2<E>, x: &[f32]) {
    let (outputs, inputs) = matrix.dim();
    let wide_matrix = matrix.mapv(Into::into);
    let (exact, rounded) = (product(x, &wide_matrix.view()), product(&rounded(x), &wide_matrix.view()));
    // Rows that do not lie end to end, as those of a part of a larger matrix.
    let mut wide =
        ndarray::concatenate![ndarray::Axis(1), *matrix, *matrix].as_standard_layout().into_owned();
    let turned = matrix.t().as_standard_layout().into_owned();
    wide.slice_collapse(ndarray::s![.., ..inputs]);
    for level in [Level::Portable, Level::Avx2, Level::Avx512] {
        let mut found = Vec::new();
        for view in [matrix.view(), turned.t(), wide.view()] {
            let mut out = vec![f32::NAN; exact.len()];
            Matrix::new(view).unwrap().apply_at(level, x, None, &mut out, &NEVER).unwrap();
            let expected = if rounds_inputs::<E>(level) { &rounded } else { &exact };
            for (found, expected) in out.iter().zip(expected) {
                assert!((f64::from(*found) - expected).abs() <= inputs as f64 * 2e-7, "{found} {expected}");
            }
            found.push(out);
        }
        assert_eq!(found[0], found[2]);
        for (view, found) in [matrix.view(), turned.t()].into_iter().zip(found) {
            let matrix = Matrix::new(view).unwrap();
            for (x, found) in x.chunks_exact(inputs).zip(found.chunks_exact(outputs)) {
                let mut alone = vec![0.0; outputs];
                matrix.apply_at(level, x, None, &mut alone, &NEVER).unwrap();
                assert_eq!(alone, found, "a row does not depend on the others");
            }
        }
    }
}

proptest! {
    #[test]
    fn products_with_memory_are_those_of_the_definition(
        rows in 1usize..10, inputs in 1usize..150, outputs in 1usize..150, seed: u32,
    ) {
        let matrix = Array2::from_shape_vec((outputs, inputs), numbers(outputs * inputs, seed)).unwrap();
        let x = numbers(rows * inputs, seed.wrapping_add(77));
        check_dense(&matrix, &x);
        check_dense(&matrix.mapv(f16::from_f32), &x);
        check_dense(&matrix.mapv(bf16::from_f32), &x);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// So many that the weights are copied, in several parts of the inputs and several blocks of the outputs.
    #[test]
    fn products_of_many_rows_are_those_of_few(
        rows in 20usize..140, inputs in 1usize..1300, outputs in 1usize..90, seed: u32, kind in 0..3,
    ) {
        let matrix = Array2::from_shape_vec((outputs, inputs), numbers(outputs * inputs, seed)).unwrap();
        let x = numbers(rows * inputs, seed.wrapping_add(77));
        match kind {
            0 => check_dense(&matrix, &x),
            1 => check_dense(&matrix.mapv(f16::from_f32), &x),
            _ => check_dense(&matrix.mapv(bf16::from_f32), &x),
        }
    }
}

#[test]
fn blocks_of_wide_matrices_do_not_mix() {
    let (outputs, inputs, rows) = (1701, 330, 61);
    let matrix = Array2::from_shape_vec((outputs, inputs), numbers(outputs * inputs, 8)).unwrap();
    check_dense(&matrix, &numbers(rows * inputs, 9));
}

#[test]
fn memory_without_a_contiguous_axis_is_refused() {
    let matrix = Array2::<f32>::zeros((6, 8));
    let message = Matrix::new(matrix.slice(ndarray::s![..;2, ..;2])).unwrap_err().to_string();
    assert_eq!(message, "weight is a matrix with the strides [16, 2]: expected one contiguous axis");
    let mut row = [0.0; 3];
    let matrix = Array2::from_shape_vec((3, 2), vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    Matrix::new(matrix.t()).unwrap().lookup(&[1], &mut row).unwrap();
    assert_eq!(row.to_vec(), [2.0, 4.0, 6.0]);
}

#[test]
fn whole_numbers_are_exact_in_bytes() {
    // The largest weight and the largest input of each group are 127: nothing is rounded.
    let inputs = 3 * GROUP;
    let whole = |count: usize, seed| -> Vec<f32> {
        let values = numbers(count, seed).into_iter().map(|x| (x * 126.0).round());
        values.enumerate().map(|(at, x)| if at % GROUP == 0 { -127.0 } else { x }).collect()
    };
    let matrix = Array2::from_shape_vec((40, inputs), whole(40 * inputs, 1)).unwrap();
    let x = whole(2 * inputs, 2);
    let expected = product(&x, &matrix.view());
    for level in [Level::Portable, Level::Avx2, Level::Avx512] {
        let mut out = vec![0.0; 80];
        let weights = Weights::new(matrix.view(), Format::Int8).unwrap();
        Matrix::from(&weights).apply_at(level, &x, None, &mut out, &NEVER).unwrap();
        for (found, expected) in out.iter().zip(&expected) {
            assert!((f64::from(*found) - expected).abs() <= 1e-6 * expected.abs().max(1e5));
        }
    }
}

#[test]
fn results_do_not_depend_on_the_split() {
    let (outputs, inputs) = (3000, 512);
    let matrix = Array2::from_shape_vec((outputs, inputs), numbers(outputs * inputs, 3)).unwrap();
    let x = numbers(3 * inputs, 4);
    for format in Format::ALL {
        let weights = Weights::new(matrix.view(), format).unwrap();
        let mut whole = vec![0.0; 3 * outputs];
        Matrix::from(&weights).apply(&x, None, &mut whole, &NEVER).unwrap();
        let part = Weights::new(matrix.slice(ndarray::s![1000..1003, ..]), format).unwrap();
        let mut own = vec![0.0; 9];
        Matrix::from(&part).apply(&x, None, &mut own, &NEVER).unwrap();
        for (row, own) in own.chunks_exact(3).enumerate() {
            assert_eq!(own, &whole[row * outputs + 1000..][..3]);
        }
    }
}

#[test]
fn what_is_not_finite_is_not_hidden() {
    let matrix = Array2::from_elem((4, 70), 0.5f32);
    for format in Format::ALL {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut x = vec![1.0; 140];
            x[75] = bad;
            for level in [Level::Portable, Level::Avx2, Level::Avx512] {
                let mut out = vec![0.0; 8];
                let weights = Weights::new(matrix.view(), format).unwrap();
                Matrix::from(&weights).apply_at(level, &x, None, &mut out, &NEVER).unwrap();
                assert!(out[..4].iter().all(|x| x.is_finite()) && !out[4..].iter().any(|x| x.is_finite()));
            }
        }
    }
}

#[test]
fn zeros_strides_and_empty_matrices() {
    let weights = Weights::new(Array2::<f32>::zeros((5, 33)).view(), Format::Int4).unwrap();
    let mut out = vec![1.0; 5];
    Matrix::from(&weights).apply(&[3.0; 33], None, &mut out, &NEVER).unwrap();
    assert_eq!(out, [0.0; 5]);
    let matrix = Array2::from_shape_vec((40, 6), numbers(240, 9)).unwrap();
    let turned = Weights::new(matrix.t(), Format::Int8).unwrap();
    assert_eq!(turned, Weights::new(matrix.t().as_standard_layout().view(), Format::Int8).unwrap());
    let copy = Weights::from_bytes(Format::Int8, turned.shape(), turned.bytes()).unwrap();
    assert_eq!(copy, turned);
    let empty = Weights::new(Array2::<f32>::zeros((0, 8)).view(), Format::Int8).unwrap();
    Matrix::from(&empty).apply(&[], None, &mut [], &NEVER).unwrap();
    let none = Weights::new(Array2::<f32>::zeros((2, 0)).view(), Format::Int8).unwrap();
    Matrix::from(&none).apply(&[], Some(&[1.0, 2.0]), &mut out[..2], &NEVER).unwrap();
    assert_eq!(out[..2], [1.0, 2.0]);
}

#[test]
fn lengths_that_do_not_fit_are_named() {
    let weights = Weights::new(Array2::<f32>::zeros((4, 8)).view(), Format::Int8).unwrap();
    let message = |x: &[f32], bias: Option<&[f32]>, out: usize| {
        Matrix::from(&weights).apply(x, bias, &mut vec![0.0; out], &NEVER).unwrap_err().to_string()
    };
    assert_eq!(message(&[0.0; 7], None, 4), "x has 7 values: expected 8");
    assert_eq!(message(&[0.0; 8], None, 6), "out has 6 values: expected 4");
    assert_eq!(message(&[0.0; 8], Some(&[0.0; 3]), 4), "bias has 3 values: expected 4");
    assert_eq!(
        Matrix::from(&weights).lookup(&[4], &mut [0.0; 8]).unwrap_err().to_string(),
        "row 4 does not exist: the weights have 4"
    );
    assert_eq!(
        Weights::from_bytes(Format::Int4, (4, 8), &[0; 10]).unwrap_err().to_string(),
        "4 × 8 weights in int4 do not have 10 bytes"
    );
}

#[test]
fn weights_that_a_format_cannot_hold_are_named() {
    for bad in [f32::NAN, f32::INFINITY, 1e30] {
        let mut matrix = Array2::<f32>::zeros((3, 40));
        matrix[[1, 35]] = bad;
        for format in [Format::Int8, Format::Int4] {
            let message = Weights::new(matrix.view(), format).unwrap_err().to_string();
            assert!(message.starts_with("weight has values in row 1 that int"), "{message}");
        }
    }
}
