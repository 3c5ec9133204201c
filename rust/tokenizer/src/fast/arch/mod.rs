//! What needs instructions of x86-64: classification of 64 bytes with vectors, and prefetching.

#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
mod x86_sets;

use ferrolm_base::simd::Level;

use super::scan::{BATCH, Pattern, Portable, Scanner, fill as fill_with};
use super::words::{self, Spans, Walk};

/// Ask for the cache line of an element, which will be read soon; nothing happens beyond the slice.
#[inline(always)]
pub(super) fn prefetch<T>(slice: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(element) = slice.get(index) {
        // SAFETY: a prefetch of any address has no effect but on the cache, and this one is valid.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(element).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, index);
}

/// [`Scanner::fill`] by the instructions of `level`.
#[inline]
pub(super) fn fill<P: Pattern>(level: Level, scanner: &mut Scanner<'_, P>, out: &mut [u32; BATCH]) -> usize {
    // Levels come from `simd::level` or are not above `simd::detected`: the machine has the instructions.
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => x86::fill_avx2(scanner, out),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => x86::fill_avx512(scanner, out),
        _ => fill_with::<Portable, P>(scanner, out),
    }
}

/// [`Walk::fill`] by the instructions of `level`.
#[inline]
pub(super) fn fill_spans(level: Level, walk: &mut Walk<'_>, spans: &mut Spans) {
    // Levels come from `simd::level` or are not above `simd::detected`: the machine has the instructions.
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => x86_sets::fill_avx2(walk, spans),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => x86_sets::fill_avx512(walk, spans),
        _ => words::fill_with::<words::Portable>(walk, spans),
    }
}

/// The masks of a block by the instructions of `level`.
#[cfg(test)]
pub(super) fn find(level: Level, sets: &words::Sets, block: &[u8; super::scan::BLOCK]) -> words::Found {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => x86_sets::find_avx2(sets, block),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => x86_sets::find_avx512(sets, block),
        _ => <words::Portable as words::Find>::find(sets, block),
    }
}
