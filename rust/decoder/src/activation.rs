//! The functions between the two products of a feed-forward part.

use ferrolm_base::pool;
use ferrolm_base::simd::{self, Level};
use rayon::prelude::*;

use crate::arch::{self, Loop, mul_add};
use crate::error::DecoderError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x Φ(x)`, within 3e-7 times `|x|`.
    Gelu,
    /// The same by a hyperbolic tangent, as GPT-2 has it.
    GeluTanh,
    Relu,
    /// `x σ(x)`
    Silu,
}

impl Activation {
    pub const ALL: [Self; 4] = [Self::Gelu, Self::GeluTanh, Self::Relu, Self::Silu];

    pub fn name(self) -> &'static str {
        match self {
            Self::Gelu => "gelu",
            Self::GeluTanh => "gelu_tanh",
            Self::Relu => "relu",
            Self::Silu => "silu",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|activation| activation.name() == name)
    }

    /// Replace the values by their activations, times the values of `up` if given.
    pub(crate) fn apply(self, level: Level, values: &mut [f32], up: Option<&[f32]>) {
        match self {
            Self::Gelu => arch::run(level, Each { values, function: Gelu }),
            Self::GeluTanh => arch::run(level, Each { values, function: GeluTanh }),
            Self::Relu => arch::run(level, Each { values, function: Relu }),
            Self::Silu => arch::run(level, Each { values, function: Silu }),
        }
        for (value, up) in values.iter_mut().zip(up.unwrap_or_default()) {
            *value *= up;
        }
    }
}

/// Values of a task, for some 10 µs: what it reads and writes stays in the second cache.
const PIECE: usize = 1 << 14;

/// [`Activation::GeluTanh`] of the values `x`, into `to`; on the threads of the pool where there are many.
///
/// # Errors
/// [`DecoderError::Shape`] unless both have one length.
pub fn gelu_tanh(x: &[f32], to: &mut [f32]) -> Result<(), DecoderError> {
    check_length("to", to.len(), x.len())?;
    let level = simd::level();
    in_pieces(to, |from, to| arch::run(level, Forward { x: &x[from..from + to.len()], to }));
    Ok(())
}

/// The gradient of the values `x` from that of their [`gelu_tanh`], into `to`; within 2e-6 times that.
///
/// # Errors
/// [`DecoderError::Shape`] unless all have one length.
pub fn gelu_tanh_gradient(x: &[f32], gradient: &[f32], to: &mut [f32]) -> Result<(), DecoderError> {
    check_length("gradient", gradient.len(), x.len())?;
    check_length("to", to.len(), x.len())?;
    let level = simd::level();
    in_pieces(to, |from, to| {
        let (x, gradient) = (&x[from..from + to.len()], &gradient[from..from + to.len()]);
        arch::run(level, Backward { x, gradient, to });
    });
    Ok(())
}

fn check_length(argument: &'static str, found: usize, expected: usize) -> Result<(), DecoderError> {
    if found == expected { Ok(()) } else { Err(DecoderError::shape(argument, &[found], &[expected])) }
}

/// Each piece of `to`, with the place where it begins.
fn in_pieces(to: &mut [f32], work: impl Fn(usize, &mut [f32]) + Sync) {
    let piece = |(at, to): (usize, &mut [f32])| work(at * PIECE, to);
    if to.len() > PIECE && pool::num_threads() > 1 {
        pool::install(|| to.par_chunks_mut(PIECE).enumerate().for_each(piece));
    } else {
        to.chunks_mut(PIECE).enumerate().for_each(piece);
    }
}

struct Forward<'a> {
    x: &'a [f32],
    to: &'a mut [f32],
}

impl Loop for Forward<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (to, x) in self.to.iter_mut().zip(self.x) {
            *to = GeluTanh.of::<FMA>(*x);
        }
    }
}

struct Backward<'a> {
    x: &'a [f32],
    gradient: &'a [f32],
    to: &'a mut [f32],
}

impl Loop for Backward<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for ((to, x), gradient) in self.to.iter_mut().zip(self.x).zip(self.gradient) {
            *to = gradient * GeluTanh::slope::<FMA>(*x);
        }
    }
}

/// A trait and not a closure, so that it is compiled for the instruction set of the loop around it.
trait Function: Copy {
    fn of<const FMA: bool>(self, x: f32) -> f32;
}

struct Each<'a, F> {
    values: &'a mut [f32],
    function: F,
}

impl<F: Function> Loop for Each<'_, F> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for value in self.values {
            *value = self.function.of::<FMA>(*value);
        }
    }
}

#[derive(Clone, Copy)]
struct Gelu;
#[derive(Clone, Copy)]
struct GeluTanh;
#[derive(Clone, Copy)]
struct Relu;
#[derive(Clone, Copy)]
struct Silu;

impl Function for Gelu {
    /// Abramowitz and Stegun 7.1.26, whose error is below 1.5e-7.
    #[inline(always)]
    fn of<const FMA: bool>(self, x: f32) -> f32 {
        const POLYNOMIAL: [f32; 5] = [1.061_405_4, -1.453_152, 1.421_413_8, -0.284_496_74, 0.254_829_6];
        let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
        let t = 1.0 / mul_add::<FMA>(0.327_591_1, z, 1.0);
        let mut p = POLYNOMIAL[0];
        for coefficient in &POLYNOMIAL[1..] {
            p = mul_add::<FMA>(p, t, *coefficient);
        }
        // The upper tail of the distribution, halved below.
        let tail = p * t * exp::<FMA>(-z * z);
        let below = 0.5 * tail;
        x * if x < 0.0 { below } else { 1.0 - below }
    }
}

impl Function for GeluTanh {
    #[inline(always)]
    fn of<const FMA: bool>(self, x: f32) -> f32 {
        x * sigmoid::<FMA>(2.0 * Self::inner::<FMA>(x))
    }
}

impl GeluTanh {
    const FACTOR: f32 = 0.797_884_6;
    const CUBIC: f32 = 0.044_715;

    /// The argument y of the tangent: (1 + tanh(y)) / 2 = σ(2y).
    #[inline(always)]
    fn inner<const FMA: bool>(x: f32) -> f32 {
        Self::FACTOR * x * mul_add::<FMA>(Self::CUBIC * x, x, 1.0)
    }

    /// The derivative.
    #[inline(always)]
    fn slope<const FMA: bool>(x: f32) -> f32 {
        // Beyond this it is 0 or 1, and its formula would be infinity times zero. NaN stays NaN.
        const FAR: f32 = 100.0;
        let x = if x < -FAR { -FAR } else { x };
        let x = if x > FAR { FAR } else { x };
        let value = sigmoid::<FMA>(2.0 * Self::inner::<FMA>(x));
        let inner = 2.0 * Self::FACTOR * mul_add::<FMA>(3.0 * Self::CUBIC * x, x, 1.0);
        mul_add::<FMA>(x * inner, value * (1.0 - value), value)
    }
}

impl Function for Relu {
    #[inline(always)]
    fn of<const FMA: bool>(self, x: f32) -> f32 {
        // Keeps NaN, as torch does.
        if x < 0.0 { 0.0 } else { x }
    }
}

impl Function for Silu {
    #[inline(always)]
    fn of<const FMA: bool>(self, x: f32) -> f32 {
        x * sigmoid::<FMA>(x)
    }
}

#[inline(always)]
fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<FMA>(-x))
}

/// Within two units in the last place; zero below -87, and infinite above 88.
#[inline(always)]
fn exp<const FMA: bool>(x: f32) -> f32 {
    // Adding this rounds to a whole number, which then stands in the low bits.
    const MAGIC: f32 = 12_582_912.0 + 127.0;
    // 2^r for r in ±1/2, minimax; the same as in the attention kernel.
    const POLYNOMIAL: [f32; 6] =
        [1.535_336_2e-4, 1.339_887_5e-3, 9.618_437e-3, 5.550_332_4e-2, 2.402_264_8e-1, 6.931_472e-1];
    // The logarithm's product in two parts, so that large arguments keep their last digits.
    const LOW: f32 = 1.925_963_3e-8;
    let high = x * std::f32::consts::LOG2_E;
    let clamped = if high < -127.0 { -127.0 } else { high };
    let clamped = if clamped > 128.0 { 128.0 } else { clamped };
    let shifted = clamped + MAGIC;
    let power = f32::from_bits(shifted.to_bits() << 23);
    let low = mul_add::<FMA>(x, std::f32::consts::LOG2_E, -high);
    // Not where infinite, or clamped: then the rest of the product is not one of the argument.
    let low = if FMA && high.abs() < 127.0 { mul_add::<FMA>(x, LOW, low) } else { 0.0 };
    let r = clamped - (shifted - MAGIC) + low;
    let mut p = POLYNOMIAL[0];
    for coefficient in &POLYNOMIAL[1..] {
        p = mul_add::<FMA>(p, r, *coefficient);
    }
    let value = mul_add::<FMA>(p, r, 1.0) * power;
    // Comparisons let NaN through.
    if x.is_nan() { x } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(activation: Activation, level: Level, x: &[f32]) -> Vec<f32> {
        let mut values = x.to_vec();
        activation.apply(level, &mut values, None);
        values
    }

    #[test]
    fn activations_are_those_of_the_definitions() {
        let x: Vec<f32> = (-4000..=4000).map(|i| i as f32 * 0.025).collect();
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        // Series and continued fraction of the error function would be long: its derivative is summed up instead.
        let step = 1e-4;
        let mut normal = vec![0.5f64];
        for i in 0..100_000 {
            let middle = (f64::from(i) + 0.5) * step;
            let density = (-middle * middle / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            normal.push(normal[i as usize] + density * step);
        }
        let phi = |x: f64| {
            let above = normal.get((x.abs() / step).round() as usize).copied().unwrap_or(1.0);
            if x < 0.0 { 1.0 - above } else { above }
        };
        for level in [Level::Portable, ferrolm_base::simd::detected()] {
            for (x, found) in x.iter().zip(apply(Activation::Gelu, level, &x)) {
                let x = f64::from(*x);
                assert!((f64::from(found) - x * phi(x)).abs() <= 4e-7 * x.abs().max(1.0), "{x} {found}");
            }
            for (x, found) in x.iter().zip(apply(Activation::GeluTanh, level, &x)) {
                let x = f64::from(*x);
                let y = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
                assert!(
                    (f64::from(found) - 0.5 * x * (1.0 + y.tanh())).abs() <= 4e-7 * x.abs().max(1.0),
                    "{x}"
                );
            }
            for (x, found) in x.iter().zip(apply(Activation::Silu, level, &x)) {
                let x = f64::from(*x);
                assert!(
                    (f64::from(found) - x * sigmoid(x)).abs() <= 4e-7 * x.abs().max(1e-30),
                    "{x} {found}"
                );
            }
            assert_eq!(apply(Activation::Relu, level, &[-1.0, 0.0, 2.5]), [0.0, 0.0, 2.5]);
            for activation in Activation::ALL {
                assert!(apply(activation, level, &[f32::NAN])[0].is_nan());
                assert_eq!(Activation::from_name(activation.name()), Some(activation));
            }
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_definition() {
        // More than one piece, and values in the last that fill no register.
        let x: Vec<f32> = (0..2 * PIECE + 5).map(|i| i as f32 * 0.001 - 16.0).collect();
        let gradient: Vec<f32> = (0..x.len()).map(|i| (i % 7) as f32 - 3.0).collect();
        let (mut values, mut slopes) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        gelu_tanh(&x, &mut values).unwrap();
        gelu_tanh_gradient(&x, &gradient, &mut slopes).unwrap();
        assert_eq!(values, apply(Activation::GeluTanh, simd::level(), &x));
        for level in [Level::Portable, simd::detected()] {
            let mut found = vec![0.0; x.len()];
            arch::run(level, Backward { x: &x, gradient: &gradient, to: &mut found });
            if level == simd::level() {
                assert_eq!(found, slopes);
            }
            for ((x, gradient), found) in x.iter().zip(&gradient).zip(&found) {
                let (x, gradient) = (f64::from(*x), f64::from(*gradient));
                let factor = (2.0 / std::f64::consts::PI).sqrt();
                let tangent = (factor * (x + 0.044_715 * x.powi(3))).tanh();
                let inner = factor * (1.0 + 3.0 * 0.044_715 * x * x);
                let slope = 0.5 * (1.0 + tangent) + 0.5 * x * (1.0 - tangent * tangent) * inner;
                assert!((f64::from(*found) - gradient * slope).abs() <= 2e-6 * gradient.abs(), "{x} {found}");
            }
            let mut far = [0.0; 5];
            let x = [f32::NEG_INFINITY, -1e30, 1e30, f32::INFINITY, f32::NAN];
            arch::run(level, Backward { x: &x, gradient: &[1.0; 5], to: &mut far });
            assert_eq!(far[..4], [0.0, 0.0, 1.0, 1.0]);
            assert!(far[4].is_nan());
        }
    }

    #[test]
    fn lengths_that_differ_are_named() {
        let error = gelu_tanh(&[1.0; 3], &mut [0.0; 2]).unwrap_err();
        assert_eq!(error.to_string(), "to has the shape [2]: expected [3]");
        let error = gelu_tanh_gradient(&[1.0; 3], &[1.0; 4], &mut [0.0; 3]).unwrap_err();
        assert_eq!(error.to_string(), "gradient has the shape [4]: expected [3]");
    }

    #[test]
    fn a_gate_multiplies() {
        let mut values = [2.0, -3.0];
        Activation::Relu.apply(Level::Portable, &mut values, Some(&[5.0, 7.0]));
        assert_eq!(values.to_vec(), [10.0, 0.0]);
    }
}
