//! Quantized products with AVX2: lanes are the eight outputs of a panel.

#[allow(clippy::wildcard_imports, reason = "the intrinsics below, under their own names")]
use std::arch::x86_64::*;
use std::ops::Range;

use super::{Input, Results, TILE};
use crate::linear::{Format, GROUP, PANEL, Panel, Weights};

/// # Safety
/// The CPU has AVX2, FMA and F16C, and no other task writes the results of these outputs, which begin with a panel.
#[inline(always)]
pub(super) unsafe fn multiply(weights: &Weights, outputs: Range<usize>, input: &Input, results: &Results) {
    for panel in outputs.start / PANEL..outputs.end.div_ceil(PANEL) {
        let (first, kept) = (panel * PANEL, weights.panel(panel));
        let outputs = first..outputs.end.min(first + PANEL);
        for from in (0..input.rows()).step_by(TILE) {
            let outputs = outputs.clone();
            // SAFETY: the caller vouches for the instruction set and for the results.
            unsafe {
                match (kept.format, input.rows() - from) {
                    (Format::Int8, 1) => tile::<Bytes, 1>(kept, outputs, input, from, results),
                    (Format::Int8, 2) => tile::<Bytes, 2>(kept, outputs, input, from, results),
                    (Format::Int8, 3) => tile::<Bytes, 3>(kept, outputs, input, from, results),
                    (Format::Int8, _) => tile::<Bytes, TILE>(kept, outputs, input, from, results),
                    (Format::Int4, 1) => tile::<Halves, 1>(kept, outputs, input, from, results),
                    (Format::Int4, 2) => tile::<Halves, 2>(kept, outputs, input, from, results),
                    (Format::Int4, 3) => tile::<Halves, 3>(kept, outputs, input, from, results),
                    (Format::Int4, _) => tile::<Halves, TILE>(kept, outputs, input, from, results),
                }
            }
        }
    }
}

/// The products of a group as whole numbers.
trait Group {
    /// # Safety
    /// The CPU has AVX2; `weights` are those of a group, and of each row `x` has 32 values, and `offset` its number.
    unsafe fn products<const ROWS: usize>(
        weights: *const u8,
        x: [*const i8; ROWS],
        offset: [i32; ROWS],
    ) -> [__m256i; ROWS];
}

struct Bytes;
struct Halves;

/// The four values of a step, for each output.
#[inline(always)]
unsafe fn step(x: *const i8, step: usize) -> __m256i {
    // SAFETY: the caller vouches for AVX2 and the values.
    unsafe { _mm256_set1_epi32(x.add(4 * step).cast::<i32>().read_unaligned()) }
}

impl Group for Bytes {
    #[inline(always)]
    unsafe fn products<const ROWS: usize>(
        weights: *const u8,
        x: [*const i8; ROWS],
        _: [i32; ROWS],
    ) -> [__m256i; ROWS] {
        // SAFETY: the caller vouches for AVX2, the weights and the values.
        unsafe {
            let mut sums = [_mm256_setzero_si256(); ROWS];
            for at in 0..GROUP / 4 {
                let weights = _mm256_loadu_si256(weights.add(at * 4 * PANEL).cast());
                let magnitudes = _mm256_abs_epi8(weights);
                for row in 0..ROWS {
                    // Unsigned times signed is what there is: the signs move to the input.
                    let x = _mm256_sign_epi8(step(x[row], at), weights);
                    let pairs = _mm256_maddubs_epi16(magnitudes, x);
                    sums[row] = _mm256_add_epi32(sums[row], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
                }
            }
            sums
        }
    }
}

impl Group for Halves {
    #[inline(always)]
    unsafe fn products<const ROWS: usize>(
        weights: *const u8,
        x: [*const i8; ROWS],
        offset: [i32; ROWS],
    ) -> [__m256i; ROWS] {
        // SAFETY: as above.
        unsafe {
            // Eight steps of pairs fit into 16 bits: 8 · 2 · 15 · 127 is 30,480.
            let mut pairs = [_mm256_setzero_si256(); ROWS];
            for at in 0..GROUP / 8 {
                let both = _mm256_loadu_si256(weights.add(at * 4 * PANEL).cast());
                let low = _mm256_and_si256(both, _mm256_set1_epi8(15));
                let high = _mm256_and_si256(_mm256_srli_epi16::<4>(both), _mm256_set1_epi8(15));
                for row in 0..ROWS {
                    let products = _mm256_maddubs_epi16(low, step(x[row], at));
                    pairs[row] = _mm256_add_epi16(pairs[row], products);
                    let products = _mm256_maddubs_epi16(high, step(x[row], at + 4));
                    pairs[row] = _mm256_add_epi16(pairs[row], products);
                }
            }
            let mut sums = pairs;
            for row in 0..ROWS {
                let fours = _mm256_madd_epi16(pairs[row], _mm256_set1_epi16(1));
                sums[row] = _mm256_add_epi32(fours, _mm256_set1_epi32(offset[row]));
            }
            sums
        }
    }
}

#[inline(always)]
unsafe fn tile<G: Group, const ROWS: usize>(
    panel: Panel,
    outputs: Range<usize>,
    input: &Input,
    from: usize,
    results: &Results,
) {
    // SAFETY: a panel has scales and weights for as many groups as the input, which has `ROWS` rows from `from` on.
    unsafe {
        let groups = input.groups();
        let (scales, weights) = (panel.scales.as_ptr(), panel.weights.as_ptr());
        let group_bytes = panel.format.group_bytes();
        let mut sums = [_mm256_setzero_ps(); ROWS];
        for group in 0..groups {
            let place = input.place(from, group);
            let weights = weights.wrapping_add(group * group_bytes);
            // Further on than the hardware looks at the start of each page.
            for line in (0..group_bytes).step_by(64) {
                _mm_prefetch::<_MM_HINT_T0>(weights.wrapping_add(AHEAD + line).cast());
            }
            let mut x = [input.quants.as_ptr(); ROWS];
            let mut offset = [0; ROWS];
            for row in 0..ROWS {
                let at = place + row;
                x[row] = x[row].add(at * GROUP);
                offset[row] = *input.offsets.as_ptr().add(at);
            }
            let products = G::products(weights, x, offset);
            let scale = _mm256_cvtph_ps(_mm_loadu_si128(scales.add(group * 2 * PANEL).cast()));
            for row in 0..ROWS {
                let at = place + row;
                let scale = _mm256_mul_ps(scale, _mm256_set1_ps(*input.scales.as_ptr().add(at)));
                sums[row] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products[row]), scale, sums[row]);
            }
        }
        for (row, sum) in sums.into_iter().enumerate() {
            let mut lanes = [0.0f32; PANEL];
            _mm256_storeu_ps(lanes.as_mut_ptr(), sum);
            for (output, lane) in outputs.clone().zip(lanes) {
                *results.at(from + row, output) = lane;
            }
        }
    }
}

/// Bytes between what is read and what is asked for.
const AHEAD: usize = 2048;
