//! Sixteen lanes as a plain array: for any machine, and the oracle of the others.

use crate::kernels::{self, Kernels, LANES, Lanes};
use crate::logits::{bfloat16, float16};

#[derive(Clone, Copy)]
struct Plain([f32; LANES]);

impl Plain {
    #[inline(always)]
    fn zip(self, other: Self, combine: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|lane| combine(self.0[lane], other.0[lane])))
    }
}

impl Lanes for Plain {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Self {
        Self(*values)
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; LANES]) {
        *out = self.0;
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn magnitude_max(self, x: Self) -> Self {
        self.zip(x, |a, x| f32::from_bits(a.to_bits().max(x.to_bits() & 0x7fff_ffff)))
    }

    #[inline(always)]
    fn times_power_of_two(self, rounded: Self) -> Self {
        self.zip(rounded, |a, n| f32::from_bits(a.to_bits().wrapping_add(n.to_bits() << 23)))
    }

    #[inline(always)]
    fn zero_unless_ge(self, t: Self, bound: Self) -> Self {
        Self(std::array::from_fn(|lane| if t.0[lane] >= bound.0[lane] { self.0[lane] } else { 0.0 }))
    }

    #[inline(always)]
    fn ge_mask(self, bound: Self) -> u16 {
        (0..LANES).fold(0, |mask, lane| mask | u16::from(self.0[lane] >= bound.0[lane]) << lane)
    }
}

pub fn kernels() -> Kernels {
    Kernels {
        maxima: kernels::maxima::<Plain>,
        maxima_and_sums: kernels::maxima_and_sums::<Plain>,
        lane_maxima: kernels::lane_maxima::<Plain>,
        sums: kernels::sums::<Plain>,
        exponentials: kernels::exponentials::<Plain>,
        gather: kernels::gather::<Plain>,
        widen_float16: |bits, out| kernels::widen(bits, out, float16),
        widen_bfloat16: |bits, out| kernels::widen(bits, out, bfloat16),
    }
}
