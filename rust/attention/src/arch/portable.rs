//! Four lanes in plain Rust: what the target's baseline makes of them (SSE2, NEON).

use half::{bf16, f16};

use super::vector::Vector;

#[derive(Clone, Copy)]
#[repr(align(16))]
pub(super) struct F32x4([f32; 4]);

macro_rules! lanewise {
    ($lane:ident => $value:expr) => {
        Self([0, 1, 2, 3].map(
            #[inline(always)]
            |$lane: usize| $value,
        ))
    };
}

impl Vector for F32x4 {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for four readable values.
        unsafe { Self(from.cast::<[f32; 4]>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for room for four values.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn load_partial(from: *const f32, lanes: usize) -> Self {
        // SAFETY: the caller vouches for `lanes` readable values.
        lanewise!(lane => if lane < lanes { unsafe { *from.add(lane) } } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: the caller vouches for four readable values.
        lanewise!(lane => bf16::from_bits(unsafe { *from.add(lane) }).to_f32())
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self {
        // SAFETY: the caller vouches for four readable values.
        lanewise!(lane => f16::from_bits(unsafe { *from.add(lane) }).to_f32())
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        // SAFETY: the caller vouches for four readable values.
        lanewise!(lane => f32::from(unsafe { *from.add(lane) }))
    }

    #[inline(always)]
    unsafe fn load_i8_pairs(from: *const i8) -> Self {
        lanewise!(lane => {
            // SAFETY: the caller vouches for eight readable values.
            let [low, high] = unsafe { [*from.add(2 * lane), *from.add(2 * lane + 1)] };
            f32::from_bits(u32::from(i16::from(low) as u16) | u32::from(i16::from(high) as u16) << 16)
        })
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        lanewise!(lane => self.0[lane] + other.0[lane])
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        lanewise!(lane => self.0[lane] - other.0[lane])
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        lanewise!(lane => self.0[lane] * other.0[lane])
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        lanewise!(lane => self.0[lane] / other.0[lane])
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // Not `f32::mul_add`: without an instruction for it, that is a library call per lane.
        lanewise!(lane => self.0[lane] * factor.0[lane] + addend.0[lane])
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        lanewise!(lane => if self.0[lane] > other.0[lane] { self.0[lane] } else { other.0[lane] })
    }

    #[inline(always)]
    unsafe fn keep_between(self, key: Self, low: Self, high: Self) -> Self {
        lanewise!(lane => {
            let inside = low.0[lane] <= key.0[lane] && key.0[lane] <= high.0[lane];
            if inside { self.0[lane] } else { f32::NEG_INFINITY }
        })
    }

    #[inline(always)]
    unsafe fn select_less(self, limit: Self, yes: Self, no: Self) -> Self {
        lanewise!(lane => if self.0[lane] < limit.0[lane] { yes.0[lane] } else { no.0[lane] })
    }

    #[inline(always)]
    unsafe fn add_pairs(self, a: Self, b: Self) -> Self {
        lanewise!(lane => {
            let (a, b) = (a.0[lane].to_bits(), b.0[lane].to_bits());
            let low = i32::from(a as i16) * i32::from(b as i16);
            let high = i32::from((a >> 16) as i16) * i32::from((b >> 16) as i16);
            f32::from_bits((self.0[lane].to_bits() as i32).wrapping_add(low).wrapping_add(high) as u32)
        })
    }

    #[inline(always)]
    unsafe fn integers_to_floats(self) -> Self {
        lanewise!(lane => (self.0[lane].to_bits() as i32) as f32)
    }

    #[inline(always)]
    unsafe fn bits_to_exponent(self) -> Self {
        lanewise!(lane => f32::from_bits(self.0[lane].to_bits() << 23))
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        for row in 0..4 {
            for column in 0..4 {
                // SAFETY: the caller vouches for both 4 × 4 blocks.
                unsafe { *to.add(column * to_stride + row) = *from.add(row * from_stride + column) };
            }
        }
    }
}
