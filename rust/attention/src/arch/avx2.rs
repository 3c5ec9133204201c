//! Eight lanes with AVX2, FMA and F16C.

#[allow(clippy::wildcard_imports, reason = "the intrinsics below, under their own names")]
use std::arch::x86_64::*;

use super::vector::Vector;

#[derive(Clone, Copy)]
pub(super) struct F32x8(__m256);

/// A method whose body is intrinsics on registers alone.
macro_rules! operation {
    ($name:ident($self:ident $(, $argument:ident)*) => $body:expr) => {
        #[inline(always)]
        unsafe fn $name($self $(, $argument: Self)*) -> Self {
            // SAFETY: the caller vouches for AVX2 and FMA.
            unsafe { Self($body) }
        }
    };
}

/// Eight lanes of ones followed by eight of zeros: a window into it is a mask of the first lanes.
static FIRST_LANES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

impl Vector for F32x8 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller vouches for AVX2.
        unsafe { Self(_mm256_set1_ps(value)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for AVX2 and eight readable values.
        unsafe { Self(_mm256_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for AVX2 and room for eight values.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn load_partial(from: *const f32, lanes: usize) -> Self {
        // SAFETY: masked lanes are not read; the window ends inside the table for any `lanes <= 8`.
        unsafe {
            let mask = _mm256_loadu_si256(FIRST_LANES.as_ptr().add(8 - lanes.min(8)).cast());
            Self(_mm256_maskload_ps(from, mask))
        }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: the caller vouches for AVX2 and eight readable values.
        unsafe {
            let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            Self(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide)))
        }
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self {
        // SAFETY: the caller vouches for F16C and eight readable values.
        unsafe { Self(_mm256_cvtph_ps(_mm_loadu_si128(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        // SAFETY: the caller vouches for AVX2 and eight readable values.
        unsafe { Self(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(from.cast())))) }
    }

    #[inline(always)]
    unsafe fn load_i8_pairs(from: *const i8) -> Self {
        // SAFETY: the caller vouches for AVX2 and sixteen readable values.
        unsafe { Self(_mm256_castsi256_ps(_mm256_cvtepi8_epi16(_mm_loadu_si128(from.cast())))) }
    }

    operation!(add(self, other) => _mm256_add_ps(self.0, other.0));
    operation!(sub(self, other) => _mm256_sub_ps(self.0, other.0));
    operation!(mul(self, other) => _mm256_mul_ps(self.0, other.0));
    operation!(div(self, other) => _mm256_div_ps(self.0, other.0));
    operation!(mul_add(self, factor, addend) => _mm256_fmadd_ps(self.0, factor.0, addend.0));
    operation!(max(self, other) => _mm256_max_ps(self.0, other.0));
    operation!(keep_between(self, key, low, high) => {
        let inside = _mm256_and_ps(
            _mm256_cmp_ps::<_CMP_LE_OQ>(low.0, key.0),
            _mm256_cmp_ps::<_CMP_LE_OQ>(key.0, high.0),
        );
        _mm256_blendv_ps(_mm256_set1_ps(f32::NEG_INFINITY), self.0, inside)
    });
    operation!(select_less(self, limit, yes, no) => {
        _mm256_blendv_ps(no.0, yes.0, _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, limit.0))
    });
    operation!(add_pairs(self, a, b) => {
        let products = _mm256_madd_epi16(_mm256_castps_si256(a.0), _mm256_castps_si256(b.0));
        _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self.0), products))
    });
    operation!(integers_to_floats(self) => _mm256_cvtepi32_ps(_mm256_castps_si256(self.0)));
    operation!(bits_to_exponent(self) => {
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(self.0)))
    });

    #[inline(always)]
    unsafe fn sums(a: Self, b: Self, c: Self, d: Self) -> [f32; 4] {
        // SAFETY: the caller vouches for AVX2; the array has room for four values.
        unsafe {
            let ab = _mm256_add_ps(_mm256_unpacklo_ps(a.0, b.0), _mm256_unpackhi_ps(a.0, b.0));
            let cd = _mm256_add_ps(_mm256_unpacklo_ps(c.0, d.0), _mm256_unpackhi_ps(c.0, d.0));
            let abcd = _mm256_add_ps(_mm256_shuffle_ps::<0x44>(ab, cd), _mm256_shuffle_ps::<0xEE>(ab, cd));
            let sums = _mm_add_ps(_mm256_castps256_ps128(abcd), _mm256_extractf128_ps::<1>(abcd));
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
        // SAFETY: the caller vouches for AVX2 and both 8 × 8 blocks.
        unsafe {
            let mut rows = [_mm256_setzero_ps(); 8];
            for (i, row) in rows.iter_mut().enumerate() {
                *row = _mm256_loadu_ps(from.add(i * from_stride));
            }
            // Quarters: `quarters[4 * h + j]` has, in each 128-bit half, columns j (and 4 + j) of rows 4h..4h+4.
            let mut quarters = [_mm256_setzero_ps(); 8];
            for h in 0..2 {
                let [a, b, c, d] = [rows[4 * h], rows[4 * h + 1], rows[4 * h + 2], rows[4 * h + 3]];
                let (ab_low, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
                let (cd_low, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
                quarters[4 * h] = _mm256_shuffle_ps::<0x44>(ab_low, cd_low);
                quarters[4 * h + 1] = _mm256_shuffle_ps::<0xEE>(ab_low, cd_low);
                quarters[4 * h + 2] = _mm256_shuffle_ps::<0x44>(ab_high, cd_high);
                quarters[4 * h + 3] = _mm256_shuffle_ps::<0xEE>(ab_high, cd_high);
            }
            for j in 0..4 {
                let (top, bottom) = (quarters[j], quarters[4 + j]);
                _mm256_storeu_ps(to.add(j * to_stride), _mm256_permute2f128_ps::<0x20>(top, bottom));
                _mm256_storeu_ps(to.add((4 + j) * to_stride), _mm256_permute2f128_ps::<0x31>(top, bottom));
            }
        }
    }
}
