//! Classification of 64 bytes with the vector instructions of x86-64.

#[cfg(target_arch = "x86_64")]
mod x86;

use ferrolm_base::simd::Level;

use super::scan::{BATCH, Portable, Scanner, fill as fill_with};

/// [`Scanner::fill`] by the instructions of `level`.
#[inline]
pub(super) fn fill(level: Level, scanner: &mut Scanner<'_>, out: &mut [u32; BATCH]) -> usize {
    // Levels come from `simd::level` or are not above `simd::detected`: the machine has the instructions.
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => x86::fill_avx2(scanner, out),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => x86::fill_avx512(scanner, out),
        _ => fill_with::<Portable>(scanner, out),
    }
}
