//! Products of rows of four bits with a query of eight, compiled for each instruction set; the sums are exact.
//!
//! Codes of eight bits lie in two planes, one of their upper four bits and one of the lower. Of each [`BLOCK`] of values, a
//! plane's byte j has value j in its lower and value j + 32 in its upper half, so that a mask and a shift unpack a vector.

use ferrolm_base::simd::Level;

/// Values of a block; rows and queries are made of whole ones.
pub(crate) const BLOCK: usize = 64;
/// Bytes of a block in each plane.
const BYTES: usize = BLOCK / 2;

/// The products of the rows of a plane, whose values are 0 to 15, with `query`, added to the end of `to`.
///
/// The query is -127 to 127; sums must fit `i32`, whoever makes the query sees to it.
pub(crate) fn products(level: Level, plane: &[u8], query: &[i8], to: &mut Vec<i32>) {
    debug_assert!(query.len().is_multiple_of(BLOCK));
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level in force is never above what the machine has; AVX-512 includes AVX2, and four bits a value
        // are read faster than wider vectors could use them.
        Level::Avx2 | Level::Avx512 => unsafe { x86::products(plane, query, to) },
        _ => {
            let query = widened(query);
            to.extend(plane.chunks_exact((query.len() / 2).max(1)).map(|row| plain(row, &query)));
        }
    }
}

/// The products of these `rows` of a plane, which may lie anywhere, with `query`, instead of what is in `to`.
pub(crate) fn products_of(level: Level, plane: &[u8], rows: &[u32], query: &[i8], to: &mut Vec<i32>) {
    debug_assert!(query.len().is_multiple_of(BLOCK));
    to.clear();
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level in force is never above what the machine has.
        Level::Avx2 | Level::Avx512 => unsafe { x86::products_of(plane, rows, query, to) },
        _ => {
            let query = widened(query);
            to.extend(rows.iter().map(|row| plain(of_row(plane, *row, query.len() / 2), &query)));
        }
    }
}

fn of_row(plane: &[u8], row: u32, bytes: usize) -> &[u8] {
    &plane[row as usize * bytes..][..bytes]
}

/// The query in sixteen bits, as products are summed in pairs by plain code.
fn widened(query: &[i8]) -> Vec<i16> {
    query.iter().map(|value| i16::from(*value)).collect()
}

fn plain(row: &[u8], query: &[i16]) -> i32 {
    let mut sum = 0;
    for (bytes, values) in row.as_chunks::<BYTES>().0.iter().zip(query.as_chunks::<BLOCK>().0) {
        // Two loops, which the compiler makes vectors of; one is not.
        for (byte, value) in bytes.iter().zip(&values[..BYTES]) {
            sum += i32::from(byte & 15) * i32::from(*value);
        }
        for (byte, value) in bytes.iter().zip(&values[BYTES..]) {
            sum += i32::from(byte >> 4) * i32::from(*value);
        }
    }
    sum
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256i, _MM_HINT_T0, _mm_add_epi32, _mm_prefetch, _mm_storeu_si128, _mm256_add_epi16,
        _mm256_add_epi32, _mm256_and_si256, _mm256_castsi256_si128, _mm256_extracti128_si256,
        _mm256_hadd_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi8,
        _mm256_set1_epi16, _mm256_setzero_si256, _mm256_srli_epi16,
    };

    use super::{BLOCK, BYTES, of_row};

    /// Rows that share each load of the query.
    const ROWS: usize = 4;
    /// Blocks whose sums fit sixteen bits: of each, four products of at most 15 · 127 come together.
    const BLOCKS: usize = 4;
    /// Groups of rows that lie anywhere are asked for so many ahead.
    const AHEAD: usize = 3;
    /// Bytes that rows one after the other are asked for ahead.
    const FAR: usize = 4096;
    const LINE: usize = 64;

    /// The vector at `start`.
    ///
    /// # Safety
    /// AVX2 must be there, and 32 bytes from `start` on in `of`.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn load<T>(of: &[T], start: usize) -> __m256i {
        // SAFETY: so it is asked for; loads that need no alignment.
        unsafe { _mm256_loadu_si256(of.as_ptr().add(start).cast::<__m256i>()) }
    }

    /// The sum of each vector.
    #[inline]
    #[target_feature(enable = "avx2")]
    #[expect(clippy::cast_ptr_alignment, reason = "a store that needs no alignment")]
    fn totals(sums: [__m256i; ROWS]) -> [i32; ROWS] {
        let pairs =
            _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
        let total = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256::<1>(pairs));
        let mut found = [0; ROWS];
        // SAFETY: there is room for four values.
        unsafe { _mm_storeu_si128(found.as_mut_ptr().cast::<__m128i>(), total) };
        found
    }

    /// # Safety
    /// AVX2 must be there.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn products(plane: &[u8], query: &[i8], to: &mut Vec<i32>) {
        let bytes = (query.len() / 2).max(1);
        to.reserve(plane.len() / bytes);
        let mut groups = plane.chunks_exact(ROWS * bytes);
        for (group, rows) in groups.by_ref().enumerate() {
            // Four rows at a time are more streams than the machine foresees well.
            prefetch(plane, group * ROWS * bytes + FAR, ROWS * bytes);
            let ((first, second), (third, fourth)) =
                (rows[..2 * bytes].split_at(bytes), rows[2 * bytes..].split_at(bytes));
            // SAFETY: each row has half as many bytes as the query has values; AVX2 is there.
            to.extend(unsafe { four([first, second, third, fourth], query) });
        }
        for row in groups.remainder().chunks_exact(bytes) {
            // SAFETY: as above, the same row four times.
            to.push(unsafe { four([row; ROWS], query) }[0]);
        }
    }

    /// # Safety
    /// AVX2 must be there.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn products_of(plane: &[u8], rows: &[u32], query: &[i8], to: &mut Vec<i32>) {
        let bytes = query.len() / 2;
        for (group, four_rows) in rows.chunks(ROWS).enumerate() {
            for later in rows.iter().skip((group + AHEAD) * ROWS).take(ROWS) {
                prefetch(plane, *later as usize * bytes, bytes);
            }
            // Where four are no longer there, the last stands in.
            let last = four_rows.len() - 1;
            let of = |row: usize| of_row(plane, four_rows[row.min(last)], bytes);
            let rows = [of(0), of(1), of(2), of(3)];
            // SAFETY: each row has half as many bytes as the query has values; AVX2 is there.
            to.extend(&unsafe { four(rows, query) }[..four_rows.len()]);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn prefetch(plane: &[u8], start: usize, bytes: usize) {
        for line in (0..bytes).step_by(LINE) {
            _mm_prefetch::<_MM_HINT_T0>(plane.as_ptr().wrapping_add(start + line).cast::<i8>());
        }
    }

    /// # Safety
    /// AVX2 must be there, and rows of half as many bytes as the query has values, in whole blocks.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn four(rows: [&[u8]; ROWS], query: &[i8]) -> [i32; ROWS] {
        let (mask, ones) = (_mm256_set1_epi8(15), _mm256_set1_epi16(1));
        let mut wide = [_mm256_setzero_si256(); ROWS];
        for (part, query) in query.chunks(BLOCKS * BLOCK).enumerate() {
            let mut sums = [_mm256_setzero_si256(); ROWS];
            for block in 0..query.len() / BLOCK {
                // SAFETY: the block is there in the query, and in each row.
                let first = unsafe { load(query, block * BLOCK) };
                // SAFETY: as above, its second half.
                let second = unsafe { load(query, block * BLOCK + BYTES) };
                for (sum, row) in sums.iter_mut().zip(rows) {
                    // SAFETY: as above.
                    let codes = unsafe { load(row, (part * BLOCKS + block) * BYTES) };
                    let low = _mm256_maddubs_epi16(_mm256_and_si256(codes, mask), first);
                    let high = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), mask);
                    *sum = _mm256_add_epi16(*sum, _mm256_add_epi16(low, _mm256_maddubs_epi16(high, second)));
                }
            }
            for (wide, sum) in wide.iter_mut().zip(sums) {
                *wide = _mm256_add_epi32(*wide, _mm256_madd_epi16(sum, ones));
            }
        }
        totals(wide)
    }
}

#[cfg(test)]
mod tests {
    use ferrolm_base::simd;

    use super::*;

    #[test]
    fn every_level_has_the_exact_sums() {
        for (width, rows, scale) in [(64, 0, 1), (64, 7, 37), (128, 4, 255), (384, 9, 37), (4096, 5, 0)] {
            // By the scale of 0 all are the greatest, whose sums are least likely to fit.
            let plane: Vec<u8> = (0..width * rows / 2).map(|i| (i * scale) as u8 ^ 255).collect();
            let query: Vec<i8> =
                (0..width).map(|i| if scale == 0 { -127 } else { (i * 73 % 255) as i8 }.max(-127)).collect();
            let value = |row: usize, value: usize| {
                let byte = plane[row * width / 2 + value / BLOCK * BYTES + value % BYTES];
                i32::from(byte >> (if value % BLOCK < BYTES { 0 } else { 4 }) & 15)
            };
            let sum = |row: usize| (0..width).map(|i| value(row, i) * i32::from(query[i])).sum();
            let expected: Vec<i32> = (0..rows).map(sum).collect();
            let picked: Vec<u32> = (0..rows as u32).rev().step_by(2).collect();
            let of_picked: Vec<i32> = picked.iter().map(|row| expected[*row as usize]).collect();
            for level in [Level::Portable, Level::Avx2, Level::Avx512] {
                let (level, mut found) = (level.min(simd::detected()), vec![7]);
                products(level, &plane, &query, &mut found);
                assert_eq!(found[1..], expected, "{level:?}");
                products_of(level, &plane, &picked, &query, &mut found);
                assert_eq!(found, of_picked, "{level:?}");
            }
        }
    }
}
