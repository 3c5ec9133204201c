//! The arithmetic of a training step, compiled for each instruction set.
//!
//! The code is plain Rust over chunks of [`LANES`]; inside functions that enable an instruction set the compiler
//! makes vector code of it. All `unsafe` code of this crate is the calls of those functions.

use ferrolm_base::simd::Level;

use crate::matrix::LANES;

/// The rows of one step in a worker's own memory, and what is to be added to them.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub inputs: Vec<f32>,
    pub outputs: Vec<f32>,
    pub input_deltas: Vec<f32>,
    pub output_deltas: Vec<f32>,
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
        _ => generic::<false>(step, width, rate),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma")]
fn avx512(step: &mut Step, width: usize, rate: f32) {
    generic::<true>(step, width, rate);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(step: &mut Step, width: usize, rate: f32) {
    generic::<true>(step, width, rate);
}

#[inline(always)]
fn generic<const FUSED: bool>(step: &mut Step, width: usize, rate: f32) {
    step.input_deltas.clear();
    step.input_deltas.resize(step.inputs.len(), 0.0);
    step.output_deltas.clear();
    step.output_deltas.resize(step.outputs.len(), 0.0);
    let inputs = step.inputs.chunks_exact(width);
    for (input, input_delta) in inputs.zip(step.input_deltas.chunks_exact_mut(width)) {
        let outputs = step.outputs.chunks_exact(width);
        for (o, (output, output_delta)) in outputs.zip(step.output_deltas.chunks_exact_mut(width)).enumerate()
        {
            let label = if o == 0 { 1.0 } else { 0.0 };
            let error = (label - sigmoid(dot::<FUSED>(input, output))) * rate;
            add_scaled::<FUSED>(input_delta, output, error);
            add_scaled::<FUSED>(output_delta, input, error);
        }
    }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[inline(always)]
fn mul_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    // Without an instruction for it, `f32::mul_add` is a library call.
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn dot<const FUSED: bool>(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            sums[lane] = mul_add::<FUSED>(a[lane], b[lane], sums[lane]);
        }
    }
    // Halves onto halves: the compiler keeps it in registers.
    let mut size = LANES / 2;
    while size > 0 {
        for lane in 0..size {
            sums[lane] += sums[lane + size];
        }
        size /= 2;
    }
    sums[0]
}

#[inline(always)]
fn add_scaled<const FUSED: bool>(to: &mut [f32], from: &[f32], factor: f32) {
    for (to, from) in to.as_chunks_mut::<LANES>().0.iter_mut().zip(from.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            to[lane] = mul_add::<FUSED>(factor, from[lane], to[lane]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
