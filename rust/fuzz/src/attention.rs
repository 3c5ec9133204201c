//! Attention of any small shapes, strides and options, and products with quantized weights: the instruction sets agree.

use ferrolm_attention::{Alignment, Call, Format, Mask, Matrix, Options, PerHead, Weights, attend_at};
use ferrolm_base::cancel::NEVER;
use ferrolm_base::simd::{Level, detected};
use ndarray::{Array4, ArrayView2, ArrayView4};

use super::bytes::Bytes;

/// A value of moderate size: those that overflow have no result to agree on.
fn value(bytes: &mut Bytes<'_>) -> f32 {
    f32::from(bytes.byte().cast_signed()) / 16.0
}

fn array(bytes: &mut Bytes<'_>, shape: [usize; 4]) -> Array4<f32> {
    Array4::from_shape_simple_fn(shape, || value(bytes))
}

pub fn attention(data: &[u8]) {
    let mut bytes = Bytes(data);
    let options = Options {
        causal: bytes.flag(),
        alignment: if bytes.flag() { Alignment::LowerRight } else { Alignment::UpperLeft },
        scale: bytes.option(|bytes| bytes.number() as f32),
        grouped: bytes.flag(),
        window: bytes.option(|bytes| i64::from(bytes.byte()) - 1),
        softcap: bytes.option(|bytes| bytes.number() as f32),
    };
    let [batch, kv_heads, group] = [1 + bytes.below(2), bytes.below(3), bytes.below(4)];
    let [q_len, k_len] = [bytes.below(20), bytes.below(40)];
    let [depth, width] = [bytes.below(36), bytes.below(36)];
    let heads = kv_heads * group;
    let slopes = bytes.option(|bytes| bytes.floats(heads));
    let sinks = bytes.option(|bytes| bytes.floats(heads));
    let (bits, swapped) = (bytes.byte(), bytes.flag());
    let mut query = array(&mut bytes, [batch, heads, q_len, depth]);
    if swapped {
        query = array(&mut bytes, [batch, q_len, heads, depth]);
        query.swap_axes(1, 2);
    }
    let key = array(&mut bytes, [batch, kv_heads, k_len, depth]);
    let values = array(&mut bytes, [batch, kv_heads, k_len, width]);
    let flags: Vec<bool> = (0..q_len * k_len).map(|at| bits >> (at % 8) & 1 == 1).collect();
    let mask = match ArrayView4::from_shape((1, 1, q_len, k_len), &flags) {
        Ok(flags) if bits & 3 != 0 => Mask::Boolean(flags),
        _ => Mask::None,
    };
    let Ok(call) = Call::new(query.view(), key.view(), values.view(), mask, options) else { return };
    let per_head = PerHead { alibi_slopes: slopes.as_deref(), sinks: sinks.as_deref() };
    let Ok(call) = call.with_per_head(per_head) else { return };
    let run = |level: Level| {
        let mut out = vec![7.5f32; call.output_shape().iter().product()];
        attend_at(level, &call, &mut out, &NEVER).unwrap();
        out
    };
    let moderate = |value: Option<f32>| value.is_none_or(|value| value.abs() < 100.0);
    let small = |values: &Option<Vec<f32>>| values.iter().flatten().all(|&value| moderate(Some(value)));
    let (portable, fast) = (run(Level::Portable), run(detected()));
    if moderate(options.scale) && moderate(options.softcap) && small(&slopes) && small(&sinks) {
        for (a, b) in portable.iter().zip(&fast) {
            // Scores of some thousands are rounded to some ten-thousandths, which the exponential shows.
            assert!((a - b).abs() < 0.05 && a.is_finite(), "{a} and {b}");
        }
    }
}

/// Products with a small matrix, plain and quantized.
pub fn linear(data: &[u8]) {
    let mut bytes = Bytes(data);
    let [outputs, inputs, rows] = [bytes.below(20), bytes.below(70), bytes.below(9)];
    let format = Format::ALL[bytes.below(2)];
    let matrix: Vec<f32> = (0..outputs * inputs).map(|_| value(&mut bytes)).collect();
    let x: Vec<f32> = (0..rows * inputs).map(|_| value(&mut bytes)).collect();
    let bias = bytes.option(|bytes| bytes.floats(outputs));
    let view = ArrayView2::from_shape((outputs, inputs), &matrix).unwrap();
    let weights = Weights::new(view, format).unwrap();
    let again = Weights::from_bytes(format, (outputs, inputs), weights.bytes()).unwrap();
    assert!(again == weights);
    assert!(Weights::from_bytes(format, (outputs + 8, inputs + 1), weights.bytes()).is_err());
    let plain = Matrix::new(view).unwrap();
    for matrix in [plain, Matrix::from(&weights)] {
        let run = |level: Level| {
            let mut out = vec![0.0f32; rows * outputs];
            matrix.apply_at(level, &x, bias.as_deref(), &mut out, &NEVER).unwrap();
            out
        };
        let (portable, fast) = (run(Level::Portable), run(detected()));
        for (a, b) in portable.iter().zip(&fast) {
            assert!(
                (a - b).abs() <= 0.01 + a.abs() * 1e-5
                    || a.to_bits() == b.to_bits()
                    || a.is_nan() && b.is_nan()
            );
        }
    }
}
