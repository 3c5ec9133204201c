#![expect(clippy::cast_possible_wrap, reason = "intrinsics take signed lanes")]

use std::arch::x86_64::{
    __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
    _mm256_set1_epi8, _mm256_sub_epi8, _mm512_cmpeq_epi8_mask, _mm512_cmplt_epu8_mask, _mm512_loadu_si512,
    _mm512_movepi8_mask, _mm512_or_si512, _mm512_set1_epi8, _mm512_sub_epi8,
};

use crate::fast::scan::{Ascii, BATCH, BLOCK, Classify, Scanner, fill};

struct Avx2;

impl Classify for Avx2 {
    #[inline(always)]
    fn classify(block: &[u8; BLOCK]) -> Ascii {
        // SAFETY: only `fill_avx2` below uses this type, and it runs where AVX2 is available.
        let (low, high) = unsafe { (avx2(block.as_ptr()), avx2(block.as_ptr().add(32))) };
        let join = |get: fn(&[u32; 6]) -> u32| u64::from(get(&low)) | u64::from(get(&high)) << 32;
        Ascii {
            letter: join(|masks| masks[0]),
            number: join(|masks| masks[1]),
            space: join(|masks| masks[2]),
            blank: join(|masks| masks[3]),
            quote: join(|masks| masks[4]),
            high: join(|masks| masks[5]),
        }
    }
}

/// Letter, number, space, blank, quote and high bits of 32 bytes.
///
/// # Safety
/// 32 bytes are readable at `bytes`, and the machine has AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn avx2(bytes: *const u8) -> [u32; 6] {
    // SAFETY: the caller says so.
    let bytes = unsafe { _mm256_loadu_si256(bytes.cast()) };
    let is = |lanes: __m256i| _mm256_movemask_epi8(lanes) as u32;
    let equal = |to: u8| _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(to as i8));
    // Unsigned `value - first < count` as `min(value - first, count - 1) == value - first`.
    let within = |value: __m256i, first: u8, count: u8| {
        let distance = _mm256_sub_epi8(value, _mm256_set1_epi8(first as i8));
        _mm256_cmpeq_epi8(_mm256_min_epu8(distance, _mm256_set1_epi8(count as i8 - 1)), distance)
    };
    let lower = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
    let blank = equal(b' ');
    [
        is(within(lower, b'a', 26)),
        is(within(bytes, b'0', 10)),
        is(_mm256_or_si256(blank, within(bytes, 9, 5))),
        is(blank),
        is(equal(b'\'')),
        is(bytes),
    ]
}

struct Avx512;

impl Classify for Avx512 {
    #[inline(always)]
    fn classify(block: &[u8; BLOCK]) -> Ascii {
        // SAFETY: only `fill_avx512` below uses this type, and it runs where AVX-512 BW is available.
        unsafe { avx512(block) }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn avx512(block: &[u8; BLOCK]) -> Ascii {
    // SAFETY: a block has the 64 bytes that are read.
    let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
    let lower = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
    let within = |value, first: u8, count: u8| {
        let distance = _mm512_sub_epi8(value, _mm512_set1_epi8(first as i8));
        _mm512_cmplt_epu8_mask(distance, _mm512_set1_epi8(count as i8))
    };
    let blank = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b' ' as i8));
    Ascii {
        letter: within(lower, b'a', 26),
        number: within(bytes, b'0', 10),
        space: blank | within(bytes, 9, 5),
        blank,
        quote: _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'\'' as i8)),
        high: _mm512_movepi8_mask(bytes),
    }
}

pub(super) fn fill_avx2(scanner: &mut Scanner<'_>, out: &mut [u32; BATCH]) -> usize {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn inner(scanner: &mut Scanner<'_>, out: &mut [u32; BATCH]) -> usize {
        fill::<Avx2>(scanner, out)
    }
    // SAFETY: chosen by `fill` of the parent only at a level that has these features.
    unsafe { inner(scanner, out) }
}

pub(super) fn fill_avx512(scanner: &mut Scanner<'_>, out: &mut [u32; BATCH]) -> usize {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    fn inner(scanner: &mut Scanner<'_>, out: &mut [u32; BATCH]) -> usize {
        fill::<Avx512>(scanner, out)
    }
    // SAFETY: chosen by `fill` of the parent only at a level that has these features.
    unsafe { inner(scanner, out) }
}
