//! A group of weights as small whole numbers and their scale.

use half::f16;

use super::{Format, GROUP};

/// Scale and weights for some values; `None` if they are not finite, or too large for a scale in float16.
pub(super) fn group(values: &[f32; GROUP], format: Format) -> Option<(f16, [i8; GROUP])> {
    let (scale, quants) = match format {
        Format::Int8 => eight_bits(values),
        Format::Int4 => four_bits(values),
    };
    let holds = scale.is_finite() && values.iter().all(|value| value.is_finite());
    holds.then(|| (scale, quants.map(|quant| quant as i8)))
}

fn eight_bits(values: &[f32; GROUP]) -> (f16, [f32; GROUP]) {
    let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let scale = f16::from_f32(largest / 127.0);
    let inverse = inverse(scale.to_f32());
    // Rounding the scale may push the largest beyond the range.
    (scale, values.map(|value| nearest((value * inverse).clamp(-127.0, 127.0))))
}

/// The scale is the one of some around the obvious one with the least squared error.
fn four_bits(values: &[f32; GROUP]) -> (f16, [f32; GROUP]) {
    // Of the two ends of the range, -8 is for the value farther from 0.
    let farther = |peak: f32, value: &f32| if value.abs() > peak.abs() { *value } else { peak };
    let peak = values.iter().fold(0.0, farther);
    // Without an end where no scale that float16 has will do.
    let mut best = (f32::INFINITY, f16::INFINITY);
    for tenths in (56..=88).step_by(4) {
        let scale = f16::from_f32(fitted(values, peak / (-0.1 * tenths as f32)));
        let quants = with_scale(values, scale);
        let differences = values.iter().zip(quants).map(|(value, quant)| value - scale.to_f32() * quant);
        let error = differences.map(|difference| difference * difference).sum();
        if error < best.0 {
            best = (error, scale);
        }
    }
    (best.1, with_scale(values, best.1))
}

/// The scale with the least squared error for the weights that `scale` gives.
fn fitted(values: &[f32; GROUP], scale: f32) -> f32 {
    let quants = with_scale(values, f16::from_f32(scale));
    let (mut products, mut squares) = (0.0f32, 0.0);
    for (value, quant) in values.iter().zip(quants) {
        products += quant * value;
        squares += quant * quant;
    }
    if squares > 0.0 { products / squares } else { scale }
}

/// The weights that stand for the values, in -8..=7.
fn with_scale(values: &[f32; GROUP], scale: f16) -> [f32; GROUP] {
    let inverse = inverse(scale.to_f32());
    values.map(|value| nearest((value * inverse).clamp(-8.0, 7.0)))
}

/// Adding it leaves a number no fraction, and its lowest bits are those of the whole number.
const NO_FRACTION: f32 = 12_582_912.0;

/// The nearest whole number, for small ones: adding and taking away is faster than a call of the function for it, which is no
/// instruction on every machine.
fn nearest(value: f32) -> f32 {
    (value + NO_FRACTION) - NO_FRACTION
}

/// The nearest whole number from -128 to 127; any, if the value is not finite.
pub(crate) fn nearest_byte(value: f32) -> i8 {
    (value + NO_FRACTION).to_bits() as i8
}

fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}
