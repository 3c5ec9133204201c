//! Sixteen lanes as two AVX2 registers or one AVX-512 register.
//!
//! The methods are inlined into the functions at the end, which enable the instructions; [`avx2`] and [`avx512`] are
//! called by `arch::kernels` alone, after it has seen that the machine has them.

#![allow(clippy::wildcard_imports, reason = "intrinsics are named by their instruction set already")]

use std::arch::x86_64::*;

use crate::kernels::{self, BFloat16, Float16, Float32, Kernels, LANES, Lanes, ROUND};
use crate::logits::bfloat16;

#[derive(Clone, Copy)]
struct Avx2(__m256, __m256);

#[derive(Clone, Copy)]
struct Avx512(__m512);

/// Every intrinsic here takes and gives registers, or reads and writes the sixteen numbers behind a reference.
macro_rules! simd {
    ($($code:tt)*) => {
        // SAFETY: only reached from functions whose target features include the intrinsic's (see the module's
        // header); loads and stores stay within the sixteen numbers of the array that is borrowed.
        unsafe { $($code)* }
    };
}

/// Lanes i and i + 4, then i and i + 2, then the last two.
#[inline(always)]
unsafe fn add_lanes(lanes: __m256) -> f32 {
    simd! {
        let four = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
    }
}

/// As [`add_lanes`].
#[inline(always)]
unsafe fn largest_lane(lanes: __m256) -> f32 {
    simd! {
        let four = _mm_max_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
        let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
    }
}

impl Lanes for Avx2 {
    /// All bits of a lane are set where a NaN was met.
    type Flags = Self;
    // SAFETY: eight float32 zeros are a valid register.
    const CLEAR: Self = unsafe { std::mem::zeroed() };

    #[inline(always)]
    fn splat(value: f32) -> Self {
        simd! { Self(_mm256_set1_ps(value), _mm256_set1_ps(value)) }
    }

    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Self {
        let start = values.as_ptr();
        simd! { Self(_mm256_loadu_ps(start), _mm256_loadu_ps(start.add(8))) }
    }

    #[inline(always)]
    fn load_float16(bits: &[u16; LANES]) -> Self {
        let (low, high) = bits.split_at(8);
        simd! {
            let half = |bits: &[u16]| _mm256_cvtph_ps(_mm_loadu_si128(bits.as_ptr().cast()));
            Self(half(low), half(high))
        }
    }

    #[inline(always)]
    fn load_bfloat16(bits: &[u16; LANES]) -> Self {
        let (low, high) = bits.split_at(8);
        simd! {
            let wide = |bits: &[u16]| _mm256_cvtepu16_epi32(_mm_loadu_si128(bits.as_ptr().cast()));
            let half = |bits| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide(bits)));
            Self(half(low), half(high))
        }
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; LANES]) {
        let start = out.as_mut_ptr();
        simd! { _mm256_storeu_ps(start, self.0); _mm256_storeu_ps(start.add(8), self.1); }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        simd! { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        simd! { Self(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        simd! { Self(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        simd! { Self(_mm256_max_ps(self.0, other.0), _mm256_max_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        simd! { Self(_mm256_fmadd_ps(self.0, factor.0, term.0), _mm256_fmadd_ps(self.1, factor.1, term.1)) }
    }

    #[inline(always)]
    fn flag_nan(self, other: Self, flags: Self) -> Self {
        simd! {
            let half = |a, b, flags| _mm256_or_ps(flags, _mm256_cmp_ps::<_CMP_UNORD_Q>(a, b));
            Self(half(self.0, other.0, flags.0), half(self.1, other.1, flags.1))
        }
    }

    #[inline(always)]
    fn any(flags: Self) -> bool {
        simd! { _mm256_movemask_ps(_mm256_or_ps(flags.0, flags.1)) != 0 }
    }

    #[inline(always)]
    fn fraction(self, rounded: Self) -> Self {
        self.sub(rounded.sub(Self::splat(ROUND)))
    }

    #[inline(always)]
    fn times_power_of_two(self, rounded: Self) -> Self {
        simd! {
            let half = |a, n| {
                let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(n));
                _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), exponent))
            };
            Self(half(self.0, rounded.0), half(self.1, rounded.1))
        }
    }

    #[inline(always)]
    fn ge_mask(self, bound: Self) -> u16 {
        simd! {
            let half = |a, bound| _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(a, bound)) as u16;
            half(self.0, bound.0) | half(self.1, bound.1) << 8
        }
    }

    #[inline(always)]
    fn reduce_add(self) -> f32 {
        simd! { add_lanes(_mm256_add_ps(self.0, self.1)) }
    }

    #[inline(always)]
    fn reduce_max(self) -> f32 {
        simd! { largest_lane(_mm256_max_ps(self.0, self.1)) }
    }
}

impl Lanes for Avx512 {
    type Flags = __mmask16;
    const CLEAR: __mmask16 = 0;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        simd! { Self(_mm512_set1_ps(value)) }
    }

    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Self {
        simd! { Self(_mm512_loadu_ps(values.as_ptr())) }
    }

    #[inline(always)]
    fn load_float16(bits: &[u16; LANES]) -> Self {
        simd! { Self(_mm512_cvtph_ps(_mm256_loadu_si256(bits.as_ptr().cast()))) }
    }

    #[inline(always)]
    fn load_bfloat16(bits: &[u16; LANES]) -> Self {
        simd! {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(bits.as_ptr().cast()));
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide)))
        }
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; LANES]) {
        simd! { _mm512_storeu_ps(out.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        simd! { Self(_mm512_add_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        simd! { Self(_mm512_sub_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        simd! { Self(_mm512_mul_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        simd! { Self(_mm512_max_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        simd! { Self(_mm512_fmadd_ps(self.0, factor.0, term.0)) }
    }

    #[inline(always)]
    fn flag_nan(self, other: Self, flags: __mmask16) -> __mmask16 {
        simd! { _kor_mask16(flags, _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, other.0)) }
    }

    #[inline(always)]
    fn any(flags: __mmask16) -> bool {
        flags != 0
    }

    #[inline(always)]
    fn fraction(self, _rounded: Self) -> Self {
        simd! { Self(_mm512_reduce_ps::<0>(self.0)) } // 0: to the nearest integer, ties to even
    }

    #[inline(always)]
    fn times_power_of_two(self, rounded: Self) -> Self {
        simd! {
            let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(rounded.0));
            Self(_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(self.0), exponent)))
        }
    }

    #[inline(always)]
    fn ge_mask(self, bound: Self) -> u16 {
        simd! { _mm512_cmp_ps_mask::<_CMP_GE_OQ>(self.0, bound.0) }
    }

    #[inline(always)]
    fn reduce_add(self) -> f32 {
        simd! { add_lanes(_mm256_add_ps(_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0))) }
    }

    #[inline(always)]
    fn reduce_max(self) -> f32 {
        simd! { largest_lane(_mm256_max_ps(_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0))) }
    }

    #[inline(always)]
    fn append(self, mask: u16, first_token: u32, values: &mut Vec<f32>, tokens: &mut Vec<u32>) {
        values.reserve(LANES);
        tokens.reserve(LANES);
        let (value_count, token_count, added) = (values.len(), tokens.len(), mask.count_ones() as usize);
        // SAFETY: features as above; both vectors have room for sixteen more, of which `added` are kept, all written.
        unsafe {
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let ids = _mm512_add_epi32(_mm512_set1_epi32(first_token as i32), lanes);
            // Compressing in a register and storing all of it is much faster on Zen 4 than a compressing store.
            _mm512_storeu_ps(values.as_mut_ptr().add(value_count), _mm512_maskz_compress_ps(mask, self.0));
            _mm512_storeu_si512(
                tokens.as_mut_ptr().add(token_count).cast(),
                _mm512_maskz_compress_epi32(mask, ids),
            );
            values.set_len(value_count + added);
            tokens.set_len(token_count + added);
        }
    }
}

/// One function per kernel with its instructions enabled, and the table of them.
macro_rules! table {
    ($name:ident, $lanes:ty, $features:literal) => {
        pub fn $name() -> Kernels {
            #[target_feature(enable = $features)]
            fn maxima(values: &[f32], maxima: &mut [f32]) -> bool {
                kernels::maxima::<Float32, $lanes>(values, maxima)
            }
            #[target_feature(enable = $features)]
            fn maxima_float16(bits: &[u16], maxima: &mut [f32]) -> bool {
                kernels::maxima::<Float16, $lanes>(bits, maxima)
            }
            #[target_feature(enable = $features)]
            fn maxima_bfloat16(bits: &[u16], maxima: &mut [f32]) -> bool {
                kernels::maxima::<BFloat16, $lanes>(bits, maxima)
            }
            #[target_feature(enable = $features)]
            fn maxima_and_sums(values: &[f32], scale: f32, maxima: &mut [f32], sums: &mut [f32]) -> bool {
                kernels::maxima_and_sums::<$lanes>(values, scale, maxima, sums)
            }
            #[target_feature(enable = $features)]
            fn lane_maxima(values: &[f32], maxima: &mut [[f32; LANES]]) {
                kernels::lane_maxima::<$lanes>(values, maxima);
            }
            #[target_feature(enable = $features)]
            fn sums(values: &[f32], sums: &mut [f32]) {
                kernels::sums::<$lanes>(values, sums);
            }
            #[target_feature(enable = $features)]
            fn exponentials(values: &[f32], maximum: f32, scale: f32, out: &mut [f32]) {
                kernels::exponentials::<$lanes>(values, maximum, scale, out);
            }
            #[target_feature(enable = $features)]
            fn gather(values: &[f32], token: u32, bound: f32, out: &mut Vec<f32>, tokens: &mut Vec<u32>) {
                kernels::gather::<$lanes>(values, token, bound, out, tokens);
            }
            #[target_feature(enable = $features)]
            fn buckets(values: &[f32], high: f32, per_unit: f32, out: &mut [f32]) {
                kernels::buckets::<$lanes>(values, high, per_unit, out);
            }
            #[target_feature(enable = $features)]
            fn widen_bfloat16(bits: &[u16], out: &mut [f32]) {
                kernels::widen(bits, out, bfloat16);
            }
            Kernels {
                // SAFETY: this table is made only on a machine that has the features.
                maxima: |values, out| unsafe { maxima(values, out) },
                // SAFETY: as above; both levels include F16C.
                maxima_float16: |bits, out| unsafe { maxima_float16(bits, out) },
                // SAFETY: as above.
                maxima_bfloat16: |bits, out| unsafe { maxima_bfloat16(bits, out) },
                // SAFETY: as above.
                maxima_and_sums: |values, scale, out, sums| unsafe {
                    maxima_and_sums(values, scale, out, sums)
                },
                // SAFETY: as above.
                lane_maxima: |values, out| unsafe { lane_maxima(values, out) },
                // SAFETY: as above.
                sums: |values, out| unsafe { sums(values, out) },
                // SAFETY: as above.
                exponentials: |values, maximum, scale, out| unsafe {
                    exponentials(values, maximum, scale, out)
                },
                // SAFETY: as above.
                gather: |values, token, bound, out, tokens| unsafe {
                    gather(values, token, bound, out, tokens)
                },
                // SAFETY: as above.
                buckets: |values, high, per_unit, out| unsafe { buckets(values, high, per_unit, out) },
                // SAFETY: as above; both levels include F16C.
                widen_float16: |bits, out| unsafe { widen_float16(bits, out) },
                // SAFETY: as above.
                widen_bfloat16: |bits, out| unsafe { widen_bfloat16(bits, out) },
            }
        }
    };
}

table!(avx2, Avx2, "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt");
table!(avx512, Avx512, "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt");

#[target_feature(enable = "avx2,f16c")]
fn widen_float16(bits: &[u16], out: &mut [f32]) {
    let (halves, rest) = bits.as_chunks::<8>();
    let (floats, out_rest) = out.as_chunks_mut::<8>();
    for (half, float) in halves.iter().zip(floats) {
        // SAFETY: eight halves are read and eight floats written, which is what the arrays hold.
        unsafe {
            _mm256_storeu_ps(float.as_mut_ptr(), _mm256_cvtph_ps(_mm_loadu_si128(half.as_ptr().cast())));
        };
    }
    kernels::widen(rest, out_rest, crate::logits::float16);
}
