//! Sixteen lanes as a plain array: for any machine, and the oracle of the others.

use crate::kernels::{self, BFloat16, Float16, Float32, Kernels, LANES, Lanes, ROUND};
use crate::logits::{bfloat16, float16};

#[derive(Clone, Copy)]
struct Plain([f32; LANES]);

impl Plain {
    #[inline(always)]
    fn zip(self, other: Self, combine: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|lane| combine(self.0[lane], other.0[lane])))
    }

    #[inline(always)]
    fn reduce(self, combine: impl Fn(f32, f32) -> f32) -> f32 {
        let mut lanes = self.0;
        for width in [8, 4, 2, 1] {
            for lane in 0..width {
                lanes[lane] = combine(lanes[lane], lanes[lane + width]);
            }
        }
        lanes[0]
    }
}

impl Lanes for Plain {
    type Flags = bool;
    const CLEAR: bool = false;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Self {
        Self(*values)
    }

    #[inline(always)]
    fn load_float16(bits: &[u16; LANES]) -> Self {
        Self(bits.map(float16))
    }

    #[inline(always)]
    fn load_bfloat16(bits: &[u16; LANES]) -> Self {
        Self(bits.map(bfloat16))
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
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane].mul_add(factor.0[lane], term.0[lane])))
    }

    #[inline(always)]
    fn flag_nan(self, other: Self, flags: bool) -> bool {
        (0..LANES).fold(flags, |flags, lane| flags | self.0[lane].is_nan() | other.0[lane].is_nan())
    }

    #[inline(always)]
    fn any(flags: bool) -> bool {
        flags
    }

    #[inline(always)]
    fn fraction(self, rounded: Self) -> Self {
        self.sub(rounded.sub(Self::splat(ROUND)))
    }

    #[inline(always)]
    fn times_power_of_two(self, rounded: Self) -> Self {
        self.zip(rounded, |a, n| f32::from_bits(a.to_bits().wrapping_add(n.to_bits() << 23)))
    }

    #[inline(always)]
    fn ge_mask(self, bound: Self) -> u16 {
        (0..LANES).fold(0, |mask, lane| mask | u16::from(self.0[lane] >= bound.0[lane]) << lane)
    }

    #[inline(always)]
    fn reduce_add(self) -> f32 {
        self.reduce(|a, b| a + b)
    }

    #[inline(always)]
    fn reduce_max(self) -> f32 {
        self.reduce(|a, b| if a > b { a } else { b })
    }
}

pub fn kernels() -> Kernels {
    Kernels {
        maxima: kernels::maxima::<Float32, Plain>,
        maxima_float16: kernels::maxima::<Float16, Plain>,
        maxima_bfloat16: kernels::maxima::<BFloat16, Plain>,
        maxima_and_sums: kernels::maxima_and_sums::<Plain>,
        lane_maxima: kernels::lane_maxima::<Plain>,
        sums: kernels::sums::<Plain>,
        exponentials: kernels::exponentials::<Plain>,
        gather: kernels::gather::<Plain>,
        buckets: kernels::buckets::<Plain>,
        widen_float16: |bits, out| kernels::widen(bits, out, float16),
        widen_bfloat16: |bits, out| kernels::widen(bits, out, bfloat16),
    }
}
