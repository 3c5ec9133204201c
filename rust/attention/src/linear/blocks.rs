//! The groups of quantized weights: a scale in float16, then 32 signed bytes, or 16 bytes of two weights each, of which the
//! first sixteen are in the low halves.

use half::f16;

use super::GROUP;

fn scale_of(block: &[u8]) -> f32 {
    f16::from_le_bytes([block[0], block[1]]).to_f32()
}

/// Scale and weights of a block.
pub(crate) fn q8_block(block: &[u8]) -> (f32, [i8; GROUP]) {
    let mut quants = [0; GROUP];
    quants.iter_mut().zip(&block[2..]).for_each(|(quant, byte)| *quant = byte.cast_signed());
    (scale_of(block), quants)
}

pub(crate) fn q4_block(block: &[u8]) -> (f32, [i8; GROUP]) {
    let mut quants = [0; GROUP];
    let (low, high) = quants.split_at_mut(GROUP / 2);
    for ((low, high), byte) in low.iter_mut().zip(high).zip(&block[2..]) {
        (*low, *high) = ((byte & 15).cast_signed() - 8, (byte >> 4).cast_signed() - 8);
    }
    (scale_of(block), quants)
}

/// Whether a block stands for these values: NaN is kept by no weight, and the scale has an end.
pub(super) fn holds(values: &[f32; GROUP], block: &[u8]) -> bool {
    scale_of(block).is_finite() && values.iter().all(|value| value.is_finite())
}

pub(super) fn write_q8(values: &[f32; GROUP], block: &mut [u8]) {
    let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let scale = f16::from_f32(largest / 127.0);
    block[..2].copy_from_slice(&scale.to_le_bytes());
    let inverse = inverse(scale.to_f32());
    for (byte, value) in block[2..].iter_mut().zip(values) {
        // Rounding the scale may push the largest beyond the range.
        *byte = nearest((value * inverse).clamp(-127.0, 127.0)) as i8 as u8;
    }
}

/// The scale is the one of some around the obvious one with the least squared error.
pub(super) fn write_q4(values: &[f32; GROUP], block: &mut [u8]) {
    // Of the two ends of the range, -8 is for the value farther from 0.
    let farther = |peak: f32, value: &f32| if value.abs() > peak.abs() { *value } else { peak };
    let peak = values.iter().fold(0.0, farther);
    // Without an end where no scale that float16 has will do.
    let mut best = (f32::INFINITY, f16::INFINITY);
    for tenths in (56..=88).step_by(4) {
        let scale = f16::from_f32(fitted(values, peak / (-0.1 * tenths as f32)));
        let quants = four_bits(values, scale);
        let differences = values.iter().zip(quants).map(|(value, quant)| value - scale.to_f32() * quant);
        let error = differences.map(|difference| difference * difference).sum();
        if error < best.0 {
            best = (error, scale);
        }
    }
    block[..2].copy_from_slice(&best.1.to_le_bytes());
    let quants = four_bits(values, best.1);
    let (low, high) = quants.split_at(GROUP / 2);
    for ((byte, low), high) in block[2..].iter_mut().zip(low).zip(high) {
        *byte = (low + 8.0) as u8 | ((high + 8.0) as u8) << 4;
    }
}

/// The scale with the least squared error for the weights that `scale` gives.
fn fitted(values: &[f32; GROUP], scale: f32) -> f32 {
    let quants = four_bits(values, f16::from_f32(scale));
    let (mut products, mut squares) = (0.0f32, 0.0);
    for (value, quant) in values.iter().zip(quants) {
        products += quant * value;
        squares += quant * quant;
    }
    if squares > 0.0 { products / squares } else { scale }
}

/// The weights that stand for the values, in -8..=7.
fn four_bits(values: &[f32; GROUP], scale: f16) -> [f32; GROUP] {
    let inverse = inverse(scale.to_f32());
    values.map(|value| nearest((value * inverse).clamp(-8.0, 7.0)))
}

/// The nearest whole number, for small ones: adding and taking away the number that leaves no fraction is faster than a call
/// of the function for it, which is no instruction on every machine.
pub(crate) fn nearest(value: f32) -> f32 {
    const NO_FRACTION: f32 = 12_582_912.0;
    (value + NO_FRACTION) - NO_FRACTION
}

fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}
