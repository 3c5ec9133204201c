//! Products of the rows of a matrix with a few input rows.

mod dense;
mod few_rows;
mod input;
#[cfg(target_arch = "x86_64")]
mod integer;
mod many_rows;
mod plain;
mod results;
#[cfg(target_arch = "x86_64")]
mod vnni;

use std::ops::Range;

use ferrolm_base::simd::Level;

pub(crate) use input::Input;
pub(crate) use results::Results;

use super::scratch::KernelScratch;
use crate::linear::{Kind, Matrix};

/// Input rows that a weight is multiplied with once it is read.
const TILE: usize = 4;

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
