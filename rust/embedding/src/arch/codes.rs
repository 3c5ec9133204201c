//! Products of rows of eight bits with a query of sixteen, compiled for each instruction set; the sums are exact.

use ferrolm_base::simd::Level;

/// Rows and queries are padded with zeros to a multiple of so many values.
pub(crate) const PADDING: usize = 32;
/// Rows that share each load of the query.
#[cfg(target_arch = "x86_64")]
const ROWS: usize = 4;

/// The product of each row of `codes` with `query`, whose length is a multiple of [`PADDING`].
///
/// Sums must fit `i32`; whoever makes the query sees to it.
pub(crate) fn products(level: Level, codes: &[i8], query: &[i16], to: &mut Vec<i32>) {
    debug_assert!(query.len().is_multiple_of(PADDING));
    to.clear();
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level in force is never above what the machine has; AVX-512 includes AVX2, and eight bits a value
        // are read faster than wider vectors could use them.
        Level::Avx2 | Level::Avx512 => unsafe { x86::products(codes, query, to) },
        _ => plain(codes, query, to),
    }
}

fn plain(codes: &[i8], query: &[i16], to: &mut Vec<i32>) {
    for row in codes.chunks_exact(query.len().max(1)) {
        to.push(row.iter().zip(query).map(|(code, value)| i32::from(*code) * i32::from(*value)).sum());
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_add_epi32, _mm_loadu_si128, _mm_storeu_si128, _mm256_add_epi32,
        _mm256_castsi256_si128, _mm256_cvtepi8_epi16, _mm256_extracti128_si256, _mm256_hadd_epi32,
        _mm256_loadu_si256, _mm256_madd_epi16, _mm256_setzero_si256,
    };

    use super::ROWS;

    const LANES: usize = 16;

    /// # Safety
    /// AVX2 must be there.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn products(codes: &[i8], query: &[i16], to: &mut Vec<i32>) {
        let width = query.len().max(1);
        to.reserve(codes.len() / width);
        let mut groups = codes.chunks_exact(ROWS * width);
        for rows in groups.by_ref() {
            // SAFETY: `rows` has four rows as long as the query; AVX2 is there.
            to.extend(unsafe { four([0, 1, 2, 3].map(|row| &rows[row * width..(row + 1) * width]), query) });
        }
        for row in groups.remainder().chunks_exact(width) {
            // SAFETY: as above, the same row four times.
            to.push(unsafe { four([row; ROWS], query) }[0]);
        }
    }

    /// # Safety
    /// AVX2 must be there, and the rows as long as the query.
    #[target_feature(enable = "avx2")]
    #[expect(clippy::cast_ptr_alignment, reason = "loads and stores that need no alignment")]
    unsafe fn four(rows: [&[i8]; ROWS], query: &[i16]) -> [i32; ROWS] {
        let mut sums = [_mm256_setzero_si256(); ROWS];
        for start in (0..query.len()).step_by(LANES) {
            // SAFETY: lengths are multiples of LANES, so that so many values follow `start` in the query and in each row.
            unsafe {
                let values = _mm256_loadu_si256(query.as_ptr().add(start).cast::<__m256i>());
                for (sum, row) in sums.iter_mut().zip(rows) {
                    let codes = _mm_loadu_si128(row.as_ptr().add(start).cast::<__m128i>());
                    let products = _mm256_madd_epi16(_mm256_cvtepi8_epi16(codes), values);
                    *sum = _mm256_add_epi32(*sum, products);
                }
            }
        }
        let pairs =
            _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
        let total = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256::<1>(pairs));
        let mut found = [0; ROWS];
        // SAFETY: there is room for four values.
        unsafe { _mm_storeu_si128(found.as_mut_ptr().cast::<__m128i>(), total) };
        found
    }
}

#[cfg(test)]
mod tests {
    use ferrolm_base::simd;

    use super::*;

    #[test]
    fn every_level_has_the_exact_sums() {
        for (width, rows) in [(32, 0), (32, 7), (64, 4), (384, 9)] {
            let codes: Vec<i8> = (0..width * rows).map(|i| (i * 37 % 255) as i8).collect();
            let query: Vec<i16> = (0..width).map(|i| (i as i16).wrapping_mul(9973) / 2).collect();
            let mut expected = Vec::new();
            plain(&codes, &query, &mut expected);
            for level in [Level::Portable, Level::Avx2, Level::Avx512] {
                let mut found = Vec::new();
                products(level.min(simd::detected()), &codes, &query, &mut found);
                assert_eq!(found, expected, "{level:?}");
            }
        }
    }
}
