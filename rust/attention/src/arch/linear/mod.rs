//! Products of the rows of a matrix with a few input rows.

mod dense;
mod few_rows;
mod input;
#[cfg(target_arch = "x86_64")]
mod integer;
mod many_rows;
mod one_row;
#[cfg(target_arch = "x86_64")]
mod pairs;
mod plain;
mod results;
#[cfg(target_arch = "x86_64")]
mod vnni;

use std::ops::Range;

use ferrolm_base::simd::Level;

pub(crate) use input::{Form, Input};
pub(crate) use results::Results;

use super::scratch::KernelScratch;
use crate::linear::{AnyMatrix, Kind, Matrix};

/// Input rows that a weight is multiplied with once it is read.
const TILE: usize = 4;

/// What [`multiply`] reads of the input rows.
pub(crate) fn form(level: Level, matrix: &Matrix) -> Form {
    match &matrix.0 {
        Kind::Quantized(_) => Form::Bytes,
        #[cfg(target_arch = "x86_64")]
        Kind::Dense(AnyMatrix::Bf16(_), _) if level == Level::Avx512 && super::avx512_bf16::usable() => {
            Form::Pairs
        }
        Kind::Dense(..) => Form::Values,
    }
}

/// The products of some outputs with all input rows.
pub(crate) fn multiply(
    level: Level,
    matrix: &Matrix,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
    scratch: &mut KernelScratch,
) {
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `form` found the instruction set.
        Level::Avx512 if input.form() == Form::Pairs => unsafe {
            multiply_avx512_bf16(matrix, outputs, input, results, scratch);
        },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `usable` found the instruction set.
        Level::Avx512 => unsafe { multiply_avx512(matrix, outputs, input, results, scratch) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `usable` found the instruction set.
        Level::Avx2 => unsafe { multiply_avx2(matrix, outputs, input, results, scratch) },
        // SAFETY: needs no instruction set.
        _ => unsafe {
            match &matrix.0 {
                Kind::Quantized(weights) => plain::multiply(weights, outputs, input, results),
                Kind::Dense(rows, order) => {
                    dense::multiply::<super::portable::F32x4>(rows, *order, outputs, input, results, scratch);
                }
            }
        },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16")]
#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn multiply_avx512_bf16(
    matrix: &Matrix,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
    scratch: &mut KernelScratch,
) {
    if let Kind::Dense(AnyMatrix::Bf16(rows), order) = &matrix.0 {
        // SAFETY: this function enables the instruction set, which its caller found.
        unsafe { pairs::multiply::<super::avx512::F32x16>(rows, *order, outputs, input, results, scratch) }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn multiply_avx512(
    matrix: &Matrix,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
    scratch: &mut KernelScratch,
) {
    // SAFETY: this function enables the instruction set, which its caller found.
    unsafe {
        match &matrix.0 {
            Kind::Quantized(weights) if vnni::usable() => vnni::multiply(weights, outputs, input, results),
            Kind::Quantized(weights) => integer::multiply(weights, outputs, input, results),
            Kind::Dense(rows, order) => {
                dense::multiply::<super::avx512::F32x16>(rows, *order, outputs, input, results, scratch);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn multiply_avx2(
    matrix: &Matrix,
    outputs: Range<usize>,
    input: &Input,
    results: &Results,
    scratch: &mut KernelScratch,
) {
    // SAFETY: this function enables the instruction set, which its caller found.
    unsafe {
        match &matrix.0 {
            Kind::Quantized(weights) => integer::multiply(weights, outputs, input, results),
            Kind::Dense(rows, order) => {
                dense::multiply::<super::avx2::F32x8>(rows, *order, outputs, input, results, scratch);
            }
        }
    }
}
