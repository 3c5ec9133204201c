//! Products with a matrix in the caller's memory, contiguous along either axis.

use std::ops::Range;

use half::{bf16, f16};
use ndarray::ArrayView2;

use super::super::scratch::KernelScratch;
use super::super::vector::Vector;
use super::many_rows::{AlongInputs, AlongOutputs};
use super::{Input, Results, TILE, few_rows, many_rows};
use crate::linear::{AnyMatrix, Order};

/// Rows beyond which copying the weights pays; half as many where those of a tile do not stay near.
const FEW: usize = 48;

/// # Safety
/// The CPU has `V`'s instruction set, `matrix` the outputs, and no other task writes their results.
#[inline(always)]
pub(super) unsafe fn multiply<V: Vector>(
    matrix: &AnyMatrix,
    order: Order,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
    scratch: &mut KernelScratch,
) {
    let (rows, columns) = matrix.dim();
    let inputs = if order == Order::Inputs { columns } else { rows };
    let long = order == Order::Inputs && TILE * inputs > few_rows::NEAR;
    let few = input.rows() <= if long { FEW / 2 } else { FEW };
    // SAFETY: as the caller's.
    unsafe {
        match (matrix, order) {
            (AnyMatrix::F32(rows), _) if few => {
                few_rows::multiply::<V, f32>(Rows::of(rows), order, inputs, outputs, input, results, scratch);
            }
            (AnyMatrix::F16(rows), _) if few => {
                few_rows::multiply::<V, f16>(Rows::of(rows), order, inputs, outputs, input, results, scratch);
            }
            (AnyMatrix::Bf16(rows), _) if few => {
                few_rows::multiply::<V, bf16>(
                    Rows::of(rows),
                    order,
                    inputs,
                    outputs,
                    input,
                    results,
                    scratch,
                );
            }
            // A tile has as many sums as there are registers for: 32 of sixteen lanes, otherwise 16.
            (_, Order::Inputs) if V::LANES == 16 => {
                many_rows::multiply::<V, AlongInputs, 3, 8>(matrix, inputs, outputs, input, results, scratch);
            }
            (_, Order::Outputs) if V::LANES == 16 => {
                many_rows::multiply::<V, AlongOutputs, 3, 8>(
                    matrix, inputs, outputs, input, results, scratch,
                );
            }
            (_, Order::Inputs) => {
                many_rows::multiply::<V, AlongInputs, 3, 4>(matrix, inputs, outputs, input, results, scratch);
            }
            (_, Order::Outputs) => {
                many_rows::multiply::<V, AlongOutputs, 2, 6>(
                    matrix, inputs, outputs, input, results, scratch,
                );
            }
        }
    }
}

/// A matrix in the caller's memory, its last axis contiguous.
#[derive(Clone, Copy)]
pub(super) struct Rows<S> {
    start: *const S,
    stride: isize,
}

impl<S> Rows<S> {
    pub fn of(view: &ArrayView2<S>) -> Self {
        Self { start: view.as_ptr(), stride: view.strides()[0] }
    }

    pub fn stride(self) -> isize {
        self.stride
    }

    #[inline(always)]
    pub fn row(self, row: usize) -> *const S {
        self.start.wrapping_offset(row as isize * self.stride)
    }
}
