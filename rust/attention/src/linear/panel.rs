//! A panel: the weights of [`PANEL`] outputs, as the kernels read them.
//!
//! First the scales in float16, group after group, one for each output. Then the weights, group after group: of each step of
//! four inputs the four weights of every output, so that a register holds as many outputs as it has lanes of 32 bits. In four
//! bits the steps 0 to 3 are in the low halves of the bytes of 4 to 7, 8 being added to each weight.

use half::f16;

use super::{Format, GROUP, PANEL};
use crate::linear::format::SCALES;

/// Inputs whose weights lie together.
const STEP: usize = 4;

#[derive(Clone, Copy)]
pub(crate) struct Panel<'a> {
    pub format: Format,
    pub scales: &'a [u8],
    pub weights: &'a [u8],
}

impl<'a> Panel<'a> {
    pub fn new(format: Format, bytes: &'a [u8], groups: usize) -> Self {
        let (scales, weights) = bytes.split_at(groups * SCALES);
        Self { format, scales, weights }
    }

    pub fn scale(&self, group: usize, output: usize) -> f32 {
        let at = group * SCALES + 2 * output;
        f16::from_le_bytes([self.scales[at], self.scales[at + 1]]).to_f32()
    }

    #[inline(always)]
    pub fn weight(&self, group: usize, output: usize, input: usize) -> i8 {
        let (byte, shift) = place(self.format, output, input);
        let byte = self.weights[group * self.format.group_bytes() + byte];
        match self.format {
            Format::Int8 => byte.cast_signed(),
            Format::Int4 => (byte >> shift & 15).cast_signed() - 8,
        }
    }
}

/// The byte of a weight in its group, and the bit at which it starts.
#[inline(always)]
fn place(format: Format, output: usize, input: usize) -> (usize, u32) {
    let (step, within) = (input / STEP, output * STEP + input % STEP);
    match format {
        Format::Int8 => (step * PANEL * STEP + within, 0),
        Format::Int4 => (step % 4 * PANEL * STEP + within, if step < 4 { 0 } else { 4 }),
    }
}

/// Put a group of one output into the bytes of a panel, which are zero there.
pub(super) fn write(
    format: Format,
    panel: &mut [u8],
    (groups, group, output): (usize, usize, usize),
    scale: f16,
    quants: &[i8; GROUP],
) {
    let (scales, weights) = panel.split_at_mut(groups * SCALES);
    scales[group * SCALES + 2 * output..][..2].copy_from_slice(&scale.to_le_bytes());
    let weights = &mut weights[group * format.group_bytes()..][..format.group_bytes()];
    for (input, quant) in quants.iter().enumerate() {
        let (byte, shift) = place(format, output, input);
        weights[byte] |= match format {
            Format::Int8 => quant.cast_unsigned(),
            Format::Int4 => (quant + 8).cast_unsigned() << shift,
        };
    }
}

const _: () = assert!(GROUP == 8 * STEP, "a group has eight steps");
