//! Sixteen pairs of bfloat16 with AVX-512 BF16.

#[allow(clippy::wildcard_imports, reason = "the intrinsics below, under their own names")]
use std::arch::x86_64::*;
use std::mem::transmute;

use super::avx512::F32x16;
use super::vector::Bf16Pairs;

/// Whether the machine has it, beside AVX-512.
pub(super) fn usable() -> bool {
    std::arch::is_x86_feature_detected!("avx512bf16")
}

/// Where in one register the halves of the pairs are.
const HALVES: [u16; 32] = {
    let mut places = [0; 32];
    let mut at = 0;
    while at < 32 {
        places[at] = at as u16 / 2 + at as u16 % 2 * 16;
        at += 1;
    }
    places
};

/// Where in two registers the halves of the pairs are.
const PAIRS: [[u16; 32]; 2] = {
    let mut places = [[0; 32]; 2];
    let mut at = 0;
    while at < 32 {
        places[at / 16][at % 16 * 2] = at as u16;
        places[at / 16][at % 16 * 2 + 1] = at as u16 + 32;
        at += 1;
    }
    places
};

impl Bf16Pairs for F32x16 {
    #[inline(always)]
    unsafe fn load_pairs_partial(from: *const u16, values: usize) -> Self {
        // SAFETY: masked values are not read.
        unsafe {
            let mask = ((1u64 << values.min(32)) - 1) as u32;
            Self(_mm512_castsi512_ps(_mm512_maskz_loadu_epi16(mask, from.cast())))
        }
    }

    #[inline(always)]
    unsafe fn add_bf16_products(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller vouches for AVX-512 BF16; registers of bfloat16 and of float32 have the same bits.
        unsafe {
            Self(_mm512_dpbf16_ps(
                self.0,
                transmute::<__m512, __m512bh>(a.0),
                transmute::<__m512, __m512bh>(b.0),
            ))
        }
    }

    #[inline(always)]
    unsafe fn interleave(self, other: Self) -> [Self; 2] {
        // SAFETY: the caller vouches for AVX-512.
        unsafe {
            let (a, b) = (_mm512_castps_si512(self.0), _mm512_castps_si512(other.0));
            let mut pairs = [a; 2];
            for (pairs, places) in pairs.iter_mut().zip(&PAIRS) {
                let places = _mm512_loadu_si512(places.as_ptr().cast());
                *pairs = _mm512_permutex2var_epi16(a, places, b);
            }
            [Self(_mm512_castsi512_ps(pairs[0])), Self(_mm512_castsi512_ps(pairs[1]))]
        }
    }

    #[inline(always)]
    unsafe fn pair_up(low: Self, high: Self) -> Self {
        // SAFETY: the caller vouches for AVX-512 BF16.
        unsafe {
            let halves = _mm512_castps_si512(Self::round_to_bf16(low, high).0);
            let places = _mm512_loadu_si512(HALVES.as_ptr().cast());
            Self(_mm512_castsi512_ps(_mm512_permutexvar_epi16(places, halves)))
        }
    }

    #[inline(always)]
    unsafe fn round_to_bf16(low: Self, high: Self) -> Self {
        // SAFETY: the caller vouches for AVX-512 BF16; the bits stay what they are.
        unsafe { Self(transmute::<__m512bh, __m512>(_mm512_cvtne2ps_pbh(high.0, low.0))) }
    }
}
