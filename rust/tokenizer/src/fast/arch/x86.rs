#![expect(clippy::cast_possible_wrap, reason = "intrinsics take signed lanes")]

use std::arch::x86_64::{
    __m256i, __m512i, __mmask64, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_max_epu8, _mm256_min_epu8,
    _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_sub_epi8, _mm512_cmpeq_epi8_mask,
    _mm512_cmpge_epu8_mask, _mm512_cmplt_epu8_mask, _mm512_loadu_si512, _mm512_movepi8_mask, _mm512_or_si512,
    _mm512_set1_epi8, _mm512_sub_epi8,
};

use crate::fast::scan::{Ascii, BATCH, BLOCK, Classify, Leads, Pattern, Scanner, fill};

struct Avx2;

/// Two halves of a block.
type Halves = [__m256i; 2];

impl Classify for Avx2 {
    #[inline(always)]
    fn classify(block: &[u8; BLOCK]) -> Ascii {
        // SAFETY: only `fill_avx2` below uses this type, and it runs where AVX2 is available.
        unsafe { avx2(block) }
    }

    #[inline(always)]
    fn leads(block: &[u8; BLOCK]) -> Leads {
        // SAFETY: as above.
        unsafe { avx2_leads(block) }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(block: &[u8; BLOCK]) -> Halves {
    let (low, high) = block.split_at(32);
    // SAFETY: both halves have the 32 bytes that are read.
    unsafe { [_mm256_loadu_si256(low.as_ptr().cast()), _mm256_loadu_si256(high.as_ptr().cast())] }
}

/// The upper bits of all bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn join(lanes: Halves) -> u64 {
    let [low, high] = lanes.map(|half| u64::from(_mm256_movemask_epi8(half) as u32));
    low | high << 32
}

#[inline]
#[target_feature(enable = "avx2")]
fn equal(bytes: Halves, to: u8) -> Halves {
    bytes.map(|half| _mm256_cmpeq_epi8(half, _mm256_set1_epi8(to as i8)))
}

/// Unsigned `value - first < count` as `min(value - first, count - 1) == value - first`.
#[inline]
#[target_feature(enable = "avx2")]
fn within(bytes: Halves, first: u8, count: u8) -> Halves {
    bytes.map(|half| {
        let distance = _mm256_sub_epi8(half, _mm256_set1_epi8(first as i8));
        _mm256_cmpeq_epi8(_mm256_min_epu8(distance, _mm256_set1_epi8(count as i8 - 1)), distance)
    })
}

#[inline]
#[target_feature(enable = "avx2")]
fn at_least(bytes: Halves, least: u8) -> Halves {
    bytes.map(|half| _mm256_cmpeq_epi8(_mm256_max_epu8(half, _mm256_set1_epi8(least as i8)), half))
}

#[inline]
#[target_feature(enable = "avx2")]
fn avx2(block: &[u8; BLOCK]) -> Ascii {
    let bytes = load(block);
    let lower = bytes.map(|half| _mm256_or_si256(half, _mm256_set1_epi8(0x20)));
    let blank = join(equal(bytes, b' '));
    Ascii {
        letter: join(within(lower, b'a', 26)),
        upper: join(within(bytes, b'A', 26)),
        number: join(within(bytes, b'0', 10)),
        space: blank | join(within(bytes, 9, 5)),
        blank,
        line: join(equal(bytes, b'\n')) | join(equal(bytes, b'\r')),
        quote: join(equal(bytes, b'\'')),
        slash: join(equal(bytes, b'/')),
        control: join(within(bytes, 0, 0x20)) | join(equal(bytes, 0x7F)),
        high: join(bytes),
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn avx2_leads(block: &[u8; BLOCK]) -> Leads {
    let bytes = load(block);
    Leads {
        rest: join(bytes) & !join(at_least(bytes, 0xC0)),
        long: join(at_least(bytes, 0xE0)),
        four: join(at_least(bytes, 0xF0)),
    }
}

struct Avx512;

impl Classify for Avx512 {
    #[inline(always)]
    fn classify(block: &[u8; BLOCK]) -> Ascii {
        // SAFETY: only `fill_avx512` below uses this type, and it runs where AVX-512 BW is available.
        unsafe { avx512(block) }
    }

    #[inline(always)]
    fn leads(block: &[u8; BLOCK]) -> Leads {
        // SAFETY: as above.
        unsafe { avx512_leads(block) }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load512(block: &[u8; BLOCK]) -> __m512i {
    // SAFETY: a block has the 64 bytes that are read.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn avx512(block: &[u8; BLOCK]) -> Ascii {
    let bytes = load512(block);
    let lower = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
    let equal = |to: u8| -> __mmask64 { _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(to as i8)) };
    let within = |value, first: u8, count: u8| {
        let distance = _mm512_sub_epi8(value, _mm512_set1_epi8(first as i8));
        _mm512_cmplt_epu8_mask(distance, _mm512_set1_epi8(count as i8))
    };
    let blank = equal(b' ');
    Ascii {
        letter: within(lower, b'a', 26),
        upper: within(bytes, b'A', 26),
        number: within(bytes, b'0', 10),
        space: blank | within(bytes, 9, 5),
        blank,
        line: equal(b'\n') | equal(b'\r'),
        quote: equal(b'\''),
        slash: equal(b'/'),
        control: within(bytes, 0, 0x20) | equal(0x7F),
        high: _mm512_movepi8_mask(bytes),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn avx512_leads(block: &[u8; BLOCK]) -> Leads {
    let bytes = load512(block);
    let at_least = |least: u8| _mm512_cmpge_epu8_mask(bytes, _mm512_set1_epi8(least as i8));
    Leads { rest: _mm512_movepi8_mask(bytes) & !at_least(0xC0), long: at_least(0xE0), four: at_least(0xF0) }
}

pub(super) fn fill_avx2<P: Pattern>(scanner: &mut Scanner<'_, P>, out: &mut [u32; BATCH]) -> usize {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn inner<P: Pattern>(scanner: &mut Scanner<'_, P>, out: &mut [u32; BATCH]) -> usize {
        fill::<Avx2, P>(scanner, out)
    }
    // SAFETY: chosen by `fill` of the parent only at a level that has these features.
    unsafe { inner(scanner, out) }
}

pub(super) fn fill_avx512<P: Pattern>(scanner: &mut Scanner<'_, P>, out: &mut [u32; BATCH]) -> usize {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    fn inner<P: Pattern>(scanner: &mut Scanner<'_, P>, out: &mut [u32; BATCH]) -> usize {
        fill::<Avx512, P>(scanner, out)
    }
    // SAFETY: chosen by `fill` of the parent only at a level that has these features.
    unsafe { inner(scanner, out) }
}
