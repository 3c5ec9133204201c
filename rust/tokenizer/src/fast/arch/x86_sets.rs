//! Sets of ASCII characters by shuffles of vectors.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
    _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_srli_epi16, _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_cmpge_epu8_mask,
    _mm512_loadu_si512, _mm512_movepi8_mask, _mm512_set1_epi8, _mm512_shuffle_epi8, _mm512_srli_epi16,
    _mm512_test_epi8_mask,
};

use crate::fast::scan::BLOCK;
use crate::fast::words::{Find, Found, SETS, Sets, Spans, Walk, fill_with};

/// For the upper half of a byte, the bit of its row; bytes beyond ASCII are in no row.
const ROWS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0];

struct Avx2;

impl Find for Avx2 {
    #[inline(always)]
    fn find(sets: &Sets, block: &[u8; BLOCK]) -> Found {
        // SAFETY: only the functions below use this type, and they run where AVX2 is available.
        unsafe { avx2(sets, block) }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn avx2(sets: &Sets, block: &[u8; BLOCK]) -> Found {
    let table = |bytes: &[u8; 16]| {
        // SAFETY: an array of 16 bytes is read.
        let bytes: __m128i = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
        _mm256_broadcastsi128_si256(bytes)
    };
    // SAFETY: a block has the 64 bytes that are read.
    let halves = unsafe {
        [_mm256_loadu_si256(block.as_ptr().cast()), _mm256_loadu_si256(block.as_ptr().add(32).cast())]
    };
    let join = |masks: [__m256i; 2]| {
        let [low, high] = masks.map(|mask| u64::from(_mm256_movemask_epi8(mask) as u32));
        low | high << 32
    };
    let row = |bytes| {
        let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(15));
        _mm256_shuffle_epi8(table(&ROWS), upper)
    };
    let rows = halves.map(row);
    let mut found = Found { high: join(halves), ..Found::default() };
    for (mask, columns) in found.sets.iter_mut().zip(&sets.columns) {
        let columns = table(columns);
        // A shuffle gives 0 for bytes beyond ASCII, and takes the lower half of the others.
        let misses = |half: usize| {
            let both = _mm256_and_si256(_mm256_shuffle_epi8(columns, halves[half]), rows[half]);
            _mm256_cmpeq_epi8(both, _mm256_setzero_si256())
        };
        *mask = !join([misses(0), misses(1)]);
    }
    // Signed: bytes beyond ASCII are negative.
    let above = |limit: u8| join(halves.map(|bytes| _mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(limit as i8))));
    found.lead = above(0xBF) & found.high;
    found.wide = above(0xDF) & found.high;
    found
}

struct Avx512;

impl Find for Avx512 {
    #[inline(always)]
    fn find(sets: &Sets, block: &[u8; BLOCK]) -> Found {
        // SAFETY: only the functions below use this type, and they run where AVX-512 BW is available.
        unsafe { avx512(sets, block) }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn avx512(sets: &Sets, block: &[u8; BLOCK]) -> Found {
    let table = |bytes: &[u8; 16]| {
        // SAFETY: an array of 16 bytes is read.
        let bytes: __m128i = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
        _mm512_broadcast_i32x4(bytes)
    };
    // SAFETY: a block has the 64 bytes that are read.
    let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
    let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), _mm512_set1_epi8(15));
    let rows = _mm512_shuffle_epi8(table(&ROWS), upper);
    let mut masks = [0; SETS];
    for (mask, columns) in masks.iter_mut().zip(&sets.columns) {
        *mask = _mm512_test_epi8_mask(_mm512_shuffle_epi8(table(columns), bytes), rows);
    }
    Found {
        sets: masks,
        high: _mm512_movepi8_mask(bytes),
        lead: _mm512_cmpge_epu8_mask(bytes, _mm512_set1_epi8(0xC0_u8 as i8)),
        wide: _mm512_cmpge_epu8_mask(bytes, _mm512_set1_epi8(0xE0_u8 as i8)),
    }
}

pub(super) fn fill_avx2(walk: &mut Walk<'_>, spans: &mut Spans) {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn inner(walk: &mut Walk<'_>, spans: &mut Spans) {
        fill_with::<Avx2>(walk, spans);
    }
    // SAFETY: chosen by `fill_spans` of the parent only at a level that has these features.
    unsafe { inner(walk, spans) }
}

pub(super) fn fill_avx512(walk: &mut Walk<'_>, spans: &mut Spans) {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    fn inner(walk: &mut Walk<'_>, spans: &mut Spans) {
        fill_with::<Avx512>(walk, spans);
    }
    // SAFETY: chosen by `fill_spans` of the parent only at a level that has these features.
    unsafe { inner(walk, spans) }
}

/// The masks of one block.
#[cfg(test)]
pub(super) fn find_avx2(sets: &Sets, block: &[u8; BLOCK]) -> Found {
    Avx2::find(sets, block)
}

/// The masks of one block.
#[cfg(test)]
pub(super) fn find_avx512(sets: &Sets, block: &[u8; BLOCK]) -> Found {
    Avx512::find(sets, block)
}
