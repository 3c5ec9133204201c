//! Products of a few rows with a matrix of weights, as decoding does with every layer for every token: the time is that
//! of reading the weights, so that fewer bytes are less time.
//!
//! A [`Matrix`] is one in the caller's memory, in any of the element types, or [`Weights`], quantized in groups of
//! [`GROUP`] along the input with the precision of GGUF's `Q8_0` and `Q4_0`. With quantized weights the input is quantized
//! too, row by row and group by group, to 8 bits; products are exact integers within a group, and float32 between groups.

mod any;
mod apply;
mod format;
mod matrix;
mod panel;
mod quantize;
mod rounding;

pub use any::AnyMatrix;
pub use format::Format;
pub use matrix::Matrix;
pub(crate) use matrix::{Kind, Order};
pub(crate) use panel::Panel;
pub(crate) use rounding::nearest_byte;

use crate::{AttentionError, Element};
use bytemuck::{Pod, Zeroable};
use ndarray::ArrayView2;

/// Weights that share a scale; inputs are padded with zeros to a multiple of it.
pub const GROUP: usize = 32;
/// Outputs whose weights lie together, and are padded with zeros to a multiple of it.
pub const PANEL: usize = 8;

/// A quantized matrix `(outputs, inputs)`, ready to be multiplied with.
#[derive(Clone, PartialEq)]
pub struct Weights {
    format: Format,
    outputs: usize,
    inputs: usize,
    /// Panel after panel.
    data: Vec<Line>,
}

/// A line of the caches, on which what is kept begins.
#[derive(Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

impl Weights {
    /// Convert a matrix; any strides. An error if the result would not be finite.
    #[expect(clippy::needless_pass_by_value, reason = "views are passed like slices")]
    pub fn new<E: Element>(matrix: ArrayView2<'_, E>, format: Format) -> Result<Self, AttentionError> {
        let (outputs, inputs) = matrix.dim();
        let mut weights = Self::zeroed(format, outputs, inputs);
        let bytes = weights.size();
        let data = &mut bytemuck::cast_slice_mut(&mut weights.data)[..bytes];
        quantize::fill(matrix, format, data).map_err(|row| AttentionError::Range { row, format })?;
        Ok(weights)
    }

    /// Weights that were saved as [`bytes`](Self::bytes).
    pub fn from_bytes(
        format: Format,
        (outputs, inputs): (usize, usize),
        data: &[u8],
    ) -> Result<Self, AttentionError> {
        let groups = inputs.div_ceil(GROUP).checked_mul(outputs.div_ceil(PANEL));
        let expected = groups.and_then(|groups| groups.checked_mul(format.panel_bytes(1)));
        if expected != Some(data.len()) {
            return Err(AttentionError::Weights { outputs, inputs, format, found: data.len() });
        }
        let mut weights = Self::zeroed(format, outputs, inputs);
        bytemuck::cast_slice_mut(&mut weights.data)[..data.len()].copy_from_slice(data);
        Ok(weights)
    }

    fn zeroed(format: Format, outputs: usize, inputs: usize) -> Self {
        let mut weights = Self { format, outputs, inputs, data: Vec::new() };
        weights.data = vec![Line::zeroed(); weights.size().div_ceil(size_of::<Line>())];
        weights
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
        &bytemuck::cast_slice(&self.data)[..self.size()]
    }

    fn size(&self) -> usize {
        self.outputs.div_ceil(PANEL) * self.format.panel_bytes(self.groups())
    }

    fn groups(&self) -> usize {
        self.inputs.div_ceil(GROUP)
    }

    pub(crate) fn panel(&self, panel: usize) -> Panel<'_> {
        let bytes = self.format.panel_bytes(self.groups());
        Panel::new(self.format, &self.bytes()[panel * bytes..][..bytes], self.groups())
    }
}

impl std::fmt::Debug for Weights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Weights({} × {} in {})", self.outputs, self.inputs, self.format.name())
    }
}
