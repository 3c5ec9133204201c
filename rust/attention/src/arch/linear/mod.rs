//! Products of the rows of a matrix with a few input rows.

mod dense;
mod input;
#[cfg(target_arch = "x86_64")]
mod integer;
mod plain;
mod results;

use std::ops::Range;

use ferrolm_base::simd::Level;

pub(crate) use input::Input;
pub(crate) use results::Results;

use super::vector::Vector;
use crate::linear::{AnyMatrix, Kind, Matrix, Order};

/// Input rows that a weight is multiplied with once it is read.
const TILE: usize = 4;

/// The products of some outputs with all input rows.
pub(crate) fn multiply(
    level: Level,
    matrix: &Matrix,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
) {
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `usable` found the instruction set. AVX-512 has it too, and reading is what takes the time.
        Level::Avx2 | Level::Avx512 => unsafe { multiply_avx2(matrix, outputs, input, results) },
        // SAFETY: needs no instruction set.
        _ => unsafe {
            match &matrix.0 {
                Kind::Quantized(weights) => plain::multiply(weights, outputs, input, results),
                Kind::Dense(rows, order) => {
                    dense_of::<super::portable::F32x4>(rows, *order, outputs, input, results);
                }
            }
        },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn multiply_avx2(matrix: &Matrix, outputs: Range<usize>, input: &Input, results: &Results) {
    // SAFETY: this function enables the instruction set, which its caller found.
    unsafe {
        match &matrix.0 {
            Kind::Quantized(weights) => integer::multiply(weights, outputs, input, results),
            Kind::Dense(rows, order) => {
                dense_of::<super::avx2::F32x8>(rows, *order, outputs, input, results);
            }
        }
    }
}

#[inline(always)]
unsafe fn dense_of<V: Vector>(
    rows: &AnyMatrix,
    order: Order,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
) {
    // SAFETY: the caller has the instruction set.
    unsafe {
        match rows {
            AnyMatrix::F32(rows) => dense::multiply::<V, f32>(rows, order, outputs, input, results),
            AnyMatrix::F16(rows) => dense::multiply::<V, half::f16>(rows, order, outputs, input, results),
            AnyMatrix::Bf16(rows) => dense::multiply::<V, half::bf16>(rows, order, outputs, input, results),
        }
    }
}
