//! A matrix to multiply with, wherever its weights are.

use ndarray::ArrayView2;

use super::{AnyMatrix, GROUP, PANEL, Weights};
use crate::{AttentionError, Element};

/// `(outputs, inputs)`, quantized or in the caller's memory.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a>(pub(crate) Kind<'a>);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind<'a> {
    Quantized(&'a Weights),
    Dense(AnyMatrix<'a>, Order),
}

/// The axis along which a matrix is contiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// `(outputs, inputs)`, as `torch.nn.Linear` has it.
    Inputs,
    /// `(inputs, outputs)`, as GPT-2's files have it.
    Outputs,
}

impl<'a> From<&'a Weights> for Matrix<'a> {
    fn from(weights: &'a Weights) -> Self {
        Self(Kind::Quantized(weights))
    }
}

impl<'a> Matrix<'a> {
    /// A matrix `(outputs, inputs)` in the caller's memory; an error unless one of its axes is contiguous.
    #[expect(clippy::needless_pass_by_value, reason = "views are passed like slices")]
    pub fn new<E: Element>(matrix: ArrayView2<'a, E>) -> Result<Self, AttentionError> {
        let contiguous = |axis: usize| matrix.strides()[axis] == 1 || matrix.shape()[axis] <= 1;
        if contiguous(1) {
            Ok(Self(Kind::Dense(E::matrix(matrix), Order::Inputs)))
        } else if contiguous(0) {
            Ok(Self(Kind::Dense(E::matrix(matrix.reversed_axes()), Order::Outputs)))
        } else {
            let value = format!("a matrix with the strides {:?}", matrix.strides());
            Err(AttentionError::Argument { argument: "weight", value, expected: "one contiguous axis" })
        }
    }

    /// `(outputs, inputs)`
    pub fn shape(&self) -> (usize, usize) {
        match &self.0 {
            Kind::Quantized(weights) => weights.shape(),
            Kind::Dense(rows, order) => {
                let (rows, columns) = rows.dim();
                if *order == Order::Inputs { (rows, columns) } else { (columns, rows) }
            }
        }
    }

    /// Bytes that a product reads.
    pub fn size(&self) -> usize {
        match &self.0 {
            Kind::Quantized(weights) => weights.bytes().len(),
            Kind::Dense(rows, _) => rows.dim().0 * rows.dim().1 * rows.element_size(),
        }
    }

    /// Write some rows as float32, `(rows, inputs)`: an embedding of tokens.
    pub fn lookup(&self, rows: &[usize], out: &mut [f32]) -> Result<(), AttentionError> {
        let (outputs, inputs) = self.shape();
        if let Some(&row) = rows.iter().find(|row| **row >= outputs) {
            return Err(AttentionError::Row { row, rows: outputs });
        }
        for (row, out) in rows.iter().zip(out.chunks_exact_mut(inputs.max(1))) {
            match &self.0 {
                Kind::Quantized(weights) => widen(weights, *row, out),
                Kind::Dense(matrix, Order::Inputs) => matrix.widen_row(*row, out),
                Kind::Dense(matrix, Order::Outputs) => {
                    (0..inputs).for_each(|input| out[input] = matrix.value(input, *row));
                }
            }
        }
        Ok(())
    }
}

fn widen(weights: &Weights, row: usize, out: &mut [f32]) {
    let (panel, output) = (weights.panel(row / PANEL), row % PANEL);
    for (group, out) in out.chunks_mut(GROUP).enumerate() {
        let scale = panel.scale(group, output);
        for (input, out) in out.iter_mut().enumerate() {
            *out = scale * f32::from(panel.weight(group, output, input));
        }
    }
}
