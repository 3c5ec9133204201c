//! Products of a few rows with a matrix of weights, as decoding does with every layer for every token: the time is that
//! of reading the weights, so that fewer bytes are less time.
//!
//! [`Weights`] are kept as float32, in one of the 16-bit formats, or quantized in groups of [`GROUP`] along the input, the
//! layouts of which are those of GGUF's `Q8_0` and `Q4_0`. With quantized weights the input is quantized too, row by row and
//! group by group, to 8 bits; products are exact integers within a group, and float32 between groups.

mod apply;
mod blocks;
mod format;
mod quantize;

pub(crate) use blocks::{nearest, q4_block, q8_block};
pub use format::Format;

use crate::{AttentionError, Element};
use half::{bf16, f16};
use ndarray::ArrayView2;

/// Weights that share a scale; rows are padded with zeros to a multiple of it.
pub const GROUP: usize = 32;

/// A matrix `(outputs, inputs)`, ready to be multiplied with.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    format: Format,
    outputs: usize,
    inputs: usize,
    /// Row after row, each `inputs` rounded up to groups.
    data: Vec<u8>,
}

impl Weights {
    /// Convert a matrix; any strides. An error if a quantized one would not be finite.
    #[expect(clippy::needless_pass_by_value, reason = "views are passed like slices")]
    pub fn new<E: Element>(matrix: ArrayView2<'_, E>, format: Format) -> Result<Self, AttentionError> {
        let (outputs, inputs) = matrix.dim();
        let mut data = vec![0; outputs * format.row_bytes(inputs)];
        quantize::fill(matrix, format, &mut data).map_err(|row| AttentionError::Range { row, format })?;
        Ok(Self { format, outputs, inputs, data })
    }

    /// Weights that were saved as [`bytes`](Self::bytes).
    pub fn from_bytes(
        format: Format,
        (outputs, inputs): (usize, usize),
        data: Vec<u8>,
    ) -> Result<Self, AttentionError> {
        let expected = format.row_bytes(inputs).checked_mul(outputs);
        if expected != Some(data.len()) {
            return Err(AttentionError::Weights { outputs, inputs, format, found: data.len() });
        }
        Ok(Self { format, outputs, inputs, data })
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// `(outputs, inputs)`
    pub fn shape(&self) -> (usize, usize) {
        (self.outputs, self.inputs)
    }

    /// The matrix as it lies in memory.
    pub fn bytes(&self) -> &[u8] {
        &self.data
    }

    pub(crate) fn row(&self, row: usize) -> &[u8] {
        let bytes = self.format.row_bytes(self.inputs);
        &self.data[row * bytes..][..bytes]
    }

    /// Write some rows as float32, `(rows, inputs)`: an embedding of tokens.
    pub fn lookup(&self, rows: &[usize], out: &mut [f32]) -> Result<(), AttentionError> {
        if let Some(&row) = rows.iter().find(|row| **row >= self.outputs) {
            return Err(AttentionError::Row { row, rows: self.outputs });
        }
        for (row, out) in rows.iter().zip(out.chunks_exact_mut(self.inputs.max(1))) {
            self.widen(self.row(*row), out);
        }
        Ok(())
    }

    fn widen(&self, row: &[u8], out: &mut [f32]) {
        let pair = |bytes: &[u8]| u16::from_le_bytes([bytes[0], bytes[1]]);
        match self.format {
            Format::Float32 => {
                for (out, bytes) in out.iter_mut().zip(row.chunks_exact(4)) {
                    *out = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                }
            }
            Format::Float16 => {
                let bits = row.chunks_exact(2).map(pair);
                out.iter_mut().zip(bits).for_each(|(out, bits)| *out = f16::from_bits(bits).to_f32());
            }
            Format::Bfloat16 => {
                let bits = row.chunks_exact(2).map(pair);
                out.iter_mut().zip(bits).for_each(|(out, bits)| *out = bf16::from_bits(bits).to_f32());
            }
            Format::Int8 | Format::Int4 => {
                let blocks = row.chunks_exact(self.format.block_bytes());
                for (out, block) in out.chunks_mut(GROUP).zip(blocks) {
                    let (scale, quants) =
                        if self.format == Format::Int8 { q8_block(block) } else { q4_block(block) };
                    for (out, quant) in out.iter_mut().zip(quants) {
                        *out = scale * f32::from(quant);
                    }
                }
            }
        }
    }
}
