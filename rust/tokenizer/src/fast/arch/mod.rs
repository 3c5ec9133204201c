//! What needs instructions of x86-64: classification of 64 bytes with vectors, and prefetching.

#[cfg(target_arch = "x86_64")]
mod x86;

use ferrolm_base::simd::Level;

use super::scan::{BATCH, Pattern, Portable, Scanner, fill as fill_with};

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
