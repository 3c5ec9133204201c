//! Sixteen lanes with AVX-512 F, DQ and BW.

#[allow(clippy::wildcard_imports, reason = "the intrinsics below, under their own names")]
use std::arch::x86_64::*;

use super::vector::Vector;

#[derive(Clone, Copy)]
pub(super) struct F32x16(pub(super) __m512);

/// A method whose body is intrinsics on registers alone.
macro_rules! operation {
    ($name:ident($self:ident $(, $argument:ident)*) => $body:expr) => {
        #[inline(always)]
        unsafe fn $name($self $(, $argument: Self)*) -> Self {
            // SAFETY: the caller vouches for AVX-512.
            unsafe { Self($body) }
        }
    };
}

impl Vector for F32x16 {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller vouches for AVX-512.
        unsafe { Self(_mm512_set1_ps(value)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for AVX-512 and sixteen readable values.
        unsafe { Self(_mm512_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for AVX-512 and room for sixteen values.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn load_partial(from: *const f32, lanes: usize) -> Self {
        // SAFETY: masked lanes are not read.
        unsafe { Self(_mm512_maskz_loadu_ps(((1u32 << lanes.min(16)) - 1) as u16, from)) }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: the caller vouches for AVX-512 and sixteen readable values.
        unsafe {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide)))
        }
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self {
        // SAFETY: the caller vouches for AVX-512 and sixteen readable values.
        unsafe { Self(_mm512_cvtph_ps(_mm256_loadu_si256(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        // SAFETY: the caller vouches for AVX-512 and sixteen readable values.
        unsafe { Self(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.cast())))) }
    }

    #[inline(always)]
    unsafe fn load_i8_pairs(from: *const i8) -> Self {
        // SAFETY: the caller vouches for AVX-512 and thirty-two readable values.
        unsafe { Self(_mm512_castsi512_ps(_mm512_cvtepi8_epi16(_mm256_loadu_si256(from.cast())))) }
    }

    operation!(add(self, other) => _mm512_add_ps(self.0, other.0));
    operation!(sub(self, other) => _mm512_sub_ps(self.0, other.0));
    operation!(mul(self, other) => _mm512_mul_ps(self.0, other.0));
    operation!(div(self, other) => _mm512_div_ps(self.0, other.0));
    operation!(mul_add(self, factor, addend) => _mm512_fmadd_ps(self.0, factor.0, addend.0));
    operation!(max(self, other) => _mm512_max_ps(self.0, other.0));
    operation!(keep_between(self, key, low, high) => {
        let above = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(low.0, key.0);
        let inside = _mm512_mask_cmp_ps_mask::<_CMP_LE_OQ>(above, key.0, high.0);
        _mm512_mask_blend_ps(inside, _mm512_set1_ps(f32::NEG_INFINITY), self.0)
    });
    operation!(select_less(self, limit, yes, no) => {
        _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, limit.0), no.0, yes.0)
    });
    operation!(add_pairs(self, a, b) => {
        let products = _mm512_madd_epi16(_mm512_castps_si512(a.0), _mm512_castps_si512(b.0));
        _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(self.0), products))
    });
    operation!(integers_to_floats(self) => _mm512_cvtepi32_ps(_mm512_castps_si512(self.0)));
    operation!(bits_to_exponent(self) => {
        _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(self.0)))
    });

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller vouches for AVX-512.
        unsafe { _mm512_reduce_add_ps(self.0) }
    }

    #[inline(always)]
    unsafe fn sums(a: Self, b: Self, c: Self, d: Self) -> [f32; 4] {
        // SAFETY: the caller vouches for AVX-512; the array has room for four values.
        unsafe {
            let ab = _mm512_add_ps(_mm512_unpacklo_ps(a.0, b.0), _mm512_unpackhi_ps(a.0, b.0));
            let cd = _mm512_add_ps(_mm512_unpacklo_ps(c.0, d.0), _mm512_unpackhi_ps(c.0, d.0));
            // In each 128-bit lane: a part of each of the four sums.
            let abcd = _mm512_add_ps(_mm512_shuffle_ps::<0x44>(ab, cd), _mm512_shuffle_ps::<0xEE>(ab, cd));
            let half = _mm256_add_ps(_mm512_castps512_ps256(abcd), _mm512_extractf32x8_ps::<1>(abcd));
            let sums = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps::<1>(half));
            let mut out = [0.0; 4];
            _mm_storeu_ps(out.as_mut_ptr(), sums);
            out
        }
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        // SAFETY: prefetching any address is harmless.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn prefetch_near(from: *const u8) {
        // SAFETY: prefetching any address is harmless.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: the caller vouches for AVX-512 and both 16 × 16 blocks.
        unsafe {
            let mut rows = [_mm512_setzero_ps(); 16];
            for (i, row) in rows.iter_mut().enumerate() {
                *row = _mm512_loadu_ps(from.add(i * from_stride));
            }
            // `quarters[4 * g + j]` has, in its 128-bit lane L, column 4L + j of rows 4g..4g+4.
            let mut quarters = [_mm512_setzero_ps(); 16];
            for g in 0..4 {
                let [a, b, c, d] = [rows[4 * g], rows[4 * g + 1], rows[4 * g + 2], rows[4 * g + 3]];
                let (ab_low, ab_high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
                let (cd_low, cd_high) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
                quarters[4 * g] = _mm512_shuffle_ps::<0x44>(ab_low, cd_low);
                quarters[4 * g + 1] = _mm512_shuffle_ps::<0xEE>(ab_low, cd_low);
                quarters[4 * g + 2] = _mm512_shuffle_ps::<0x44>(ab_high, cd_high);
                quarters[4 * g + 3] = _mm512_shuffle_ps::<0xEE>(ab_high, cd_high);
            }
            for j in 0..4 {
                let [a, b, c, d] = [quarters[j], quarters[4 + j], quarters[8 + j], quarters[12 + j]];
                let (ab_even, cd_even) =
                    (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0x88>(c, d));
                let (ab_odd, cd_odd) =
                    (_mm512_shuffle_f32x4::<0xDD>(a, b), _mm512_shuffle_f32x4::<0xDD>(c, d));
                let column = to.add(j * to_stride);
                _mm512_storeu_ps(column, _mm512_shuffle_f32x4::<0x88>(ab_even, cd_even));
                _mm512_storeu_ps(column.add(4 * to_stride), _mm512_shuffle_f32x4::<0x88>(ab_odd, cd_odd));
                _mm512_storeu_ps(column.add(8 * to_stride), _mm512_shuffle_f32x4::<0xDD>(ab_even, cd_even));
                _mm512_storeu_ps(column.add(12 * to_stride), _mm512_shuffle_f32x4::<0xDD>(ab_odd, cd_odd));
            }
        }
    }
}
