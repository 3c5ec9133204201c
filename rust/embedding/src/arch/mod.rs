//! The arithmetic of a training step, compiled for each instruction set.
//!
//! The code is plain Rust over chunks of [`LANES`]; inside functions that enable an instruction set the compiler
//! makes vector code of it. All `unsafe` code of this crate is the calls of those functions.

pub(crate) mod glove;
pub(crate) mod search;

use ferrolm_base::simd::Level;

use crate::matrix::LANES;

/// The rows of one step in a worker's own memory, and what is to be added to them.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub inputs: Vec<f32>,
    pub outputs: Vec<f32>,
    pub input_deltas: Vec<f32>,
    pub output_deltas: Vec<f32>,
    /// Of each input against each output.
    pub errors: Vec<f32>,
}

/// The gradient step of every input against every output, of which the first is the true one.
///
/// All from the values before the step, so that it is three small matrix products (Ji et al. 2016,
/// "Parallelizing word2vec"): scores, and errors times either side.
pub(crate) fn descend(level: Level, step: &mut Step, width: usize, rate: f32) {
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level in force is never above what the machine has.
        Level::Avx512 => unsafe { avx512(step, width, rate) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx2 => unsafe { avx2(step, width, rate) },
        _ => generic::<Portable>(step, width, rate),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma")]
fn avx512(step: &mut Step, width: usize, rate: f32) {
    generic::<Avx512>(step, width, rate);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(step: &mut Step, width: usize, rate: f32) {
    generic::<Avx2>(step, width, rate);
}

#[inline(always)]
fn generic<O: Ops>(step: &mut Step, width: usize, rate: f32) {
    let (inputs, outputs) = (step.inputs.len() / width, step.outputs.len() / width);
    step.errors.resize(inputs * outputs, 0.0);
    step.input_deltas.resize(step.inputs.len(), 0.0);
    step.output_deltas.resize(step.outputs.len(), 0.0);
    let errors = &mut step.errors[..];
    for i in 0..inputs {
        let input = &step.inputs[i * width..(i + 1) * width];
        for o in 0..outputs {
            errors[i * outputs + o] = dot::<O>(input, &step.outputs[o * width..(o + 1) * width]);
        }
    }
    for error in errors.iter_mut() {
        *error = -sigmoid(*error) * rate;
    }
    for i in 0..inputs {
        errors[i * outputs] += rate;
    }
    let blocks = width / LANES;
    let (input_blocks, output_blocks) =
        (step.inputs.as_chunks::<LANES>().0, step.outputs.as_chunks::<LANES>().0);
    let input_deltas = step.input_deltas.as_chunks_mut::<LANES>().0;
    let output_deltas = step.output_deltas.as_chunks_mut::<LANES>().0;
    for block in 0..blocks {
        for i in 0..inputs {
            let mut sums = [0.0; LANES];
            for o in 0..outputs {
                let (error, row) = (errors[i * outputs + o], &output_blocks[o * blocks + block]);
                for lane in 0..LANES {
                    sums[lane] = O::mul_add(error, row[lane], sums[lane]);
                }
            }
            input_deltas[i * blocks + block] = sums;
        }
        for o in 0..outputs {
            let mut sums = [0.0; LANES];
            for i in 0..inputs {
                let (error, row) = (errors[i * outputs + o], &input_blocks[i * blocks + block]);
                for lane in 0..LANES {
                    sums[lane] = O::mul_add(error, row[lane], sums[lane]);
                }
            }
            output_deltas[o * blocks + block] = sums;
        }
    }
}

/// 1 / (1 + e^-x) within 1e-6, in operations that the compiler can do for many values at once.
///
/// e^-x = 2^n · 2^r with `n` an integer and `r` in ±1/2, 2^r by its Taylor polynomial.
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    // Adding this rounds to an integer, which then stands in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    let y = (x * -std::f32::consts::LOG2_E).clamp(-60.0, 60.0);
    let shifted = y + MAGIC;
    let r = (y - (shifted - MAGIC)) * std::f32::consts::LN_2;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3F80_0000));
    let p = 1.0 + r * (1.0 + r * (1.0 / 2.0 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0)))));
    1.0 / (1.0 + p * power)
}

/// What plain code does not say well enough for the compiler to find the instruction.
trait Ops {
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
    fn sum(lanes: &[f32; LANES]) -> f32;
}

struct Portable;

impl Ops for Portable {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        // Without an instruction for it, `f32::mul_add` is a library call.
        a * b + c
    }

    #[inline(always)]
    fn sum(lanes: &[f32; LANES]) -> f32 {
        lanes.iter().sum()
    }
}

#[cfg(target_arch = "x86_64")]
struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Ops for Avx2 {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn sum(lanes: &[f32; LANES]) -> f32 {
        use std::arch::x86_64::{
            _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_movehdup_ps, _mm_movehl_ps, _mm256_add_ps,
            _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_loadu_ps,
        };
        // SAFETY: only `avx2` uses this type, which enables the instructions; the array has two vectors.
        unsafe {
            let eight =
                _mm256_add_ps(_mm256_loadu_ps(lanes.as_ptr()), _mm256_loadu_ps(lanes.as_ptr().add(8)));
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
}

#[cfg(target_arch = "x86_64")]
struct Avx512;

#[cfg(target_arch = "x86_64")]
impl Ops for Avx512 {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn sum(lanes: &[f32; LANES]) -> f32 {
        use std::arch::x86_64::{_mm512_loadu_ps, _mm512_reduce_add_ps};
        // SAFETY: only `avx512` uses this type, which enables the instructions; the array has one vector.
        unsafe { _mm512_reduce_add_ps(_mm512_loadu_ps(lanes.as_ptr())) }
    }
}

#[inline(always)]
fn dot<O: Ops>(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            sums[lane] = O::mul_add(a[lane], b[lane], sums[lane]);
        }
    }
    O::sum(&sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sigmoid_is_near_the_exact_one_everywhere() {
        for i in -4000i16..4000 {
            let x = f32::from(i) / 40.0;
            let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
            assert!((f64::from(sigmoid(x)) - exact).abs() < 1e-6, "{x}");
        }
    }

    #[test]
    fn every_level_takes_the_step_of_the_definition() {
        let width = 32;
        let values = |n: usize, seed: f32| (0..n * width).map(|i| (i as f32 * seed).sin() / 4.0).collect();
        let (inputs, outputs): (Vec<f32>, Vec<f32>) = (values(3, 0.37), values(4, 0.71));
        let dot = |i: usize, o: usize| -> f64 {
            (0..width).map(|d| f64::from(inputs[i * width + d]) * f64::from(outputs[o * width + d])).sum()
        };
        let error = |i: usize, o: usize| {
            (f64::from(u8::from(o == 0)) - 1.0 / (1.0 + (-dot(i, o)).exp())) * f64::from(0.1f32)
        };
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            let level = level.min(ferrolm_base::simd::detected());
            let mut step = Step { inputs: inputs.clone(), outputs: outputs.clone(), ..Step::default() };
            descend(level, &mut step, width, 0.1);
            for d in 0..width {
                for i in 0..3 {
                    let expected: f64 = (0..4).map(|o| error(i, o) * f64::from(outputs[o * width + d])).sum();
                    assert!((f64::from(step.input_deltas[i * width + d]) - expected).abs() < 1e-6);
                }
                for o in 0..4 {
                    let expected: f64 = (0..3).map(|i| error(i, o) * f64::from(inputs[i * width + d])).sum();
                    assert!((f64::from(step.output_deltas[o * width + d]) - expected).abs() < 1e-6);
                }
            }
        }
    }
}
