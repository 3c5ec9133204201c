//! Quantized products with AVX-512 VNNI: lanes are the sixteen outputs of two panels.
//!
//! An instruction adds four products of bytes to each lane, one factor without a sign: weights are made so by adding 8 or 128,
//! and what that adds to a group is taken off again. The sums of a group are the same whole numbers as
//! [`integer`](super::integer) has, and so are the results.

#![allow(clippy::needless_range_loop, reason = "indices name the rows of a tile, over several arrays")]

#[allow(clippy::wildcard_imports, reason = "the intrinsics below, under their own names")]
use std::arch::x86_64::*;
use std::ops::Range;

use super::{Input, Results};
use crate::linear::{Format, GROUP, PANEL, Panel, Weights};

pub(super) fn usable() -> bool {
    std::arch::is_x86_feature_detected!("avx512vnni")
}

/// # Safety
/// The CPU has AVX-512 with VNNI, and no other task writes the results of these outputs, which begin with a panel.
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vnni")]
#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
pub(super) unsafe fn multiply(weights: &Weights, outputs: Range<usize>, input: &Input, results: &Results) {
    let (first, end) = (outputs.start / PANEL, outputs.end.div_ceil(PANEL));
    // Two streams of panels: one begins half-way.
    let half = (end - first).div_ceil(2);
    for panel in first..first + half {
        // The last one of an odd number is multiplied with twice.
        let panels = [panel, (panel + half).min(end - 1)];
        let outputs = panels.map(|panel| panel * PANEL..outputs.end.min((panel + 1) * PANEL));
        let panels = [weights.panel(panels[0]), weights.panel(panels[1])];
        // SAFETY: the caller vouches for the instruction set and for the results.
        unsafe {
            match weights.format() {
                Format::Int8 => all_rows::<Bytes>(panels, &outputs, input, results),
                Format::Int4 => all_rows::<Halves>(panels, &outputs, input, results),
            }
        }
    }
}

#[inline(always)]
unsafe fn all_rows<G: Group>(
    panels: [Panel; 2],
    outputs: &[Range<usize>; 2],
    input: &Input,
    results: &Results,
) {
    let mut from = 0;
    while from < input.rows() {
        // SAFETY: as the caller's.
        from += unsafe {
            match input.rows() - from {
                1 => tile::<G, 1>(panels, outputs, input, from, results),
                2 | 3 => tile::<G, 2>(panels, outputs, input, from, results),
                4..8 => tile::<G, 4>(panels, outputs, input, from, results),
                _ => tile::<G, 8>(panels, outputs, input, from, results),
            }
        };
    }
}

/// The products of a group as whole numbers.
trait Group {
    /// Bytes of a group's weights in a panel.
    const BYTES: usize;
    /// What the input's offset, which is for weights that are 8 too large, is to be multiplied with.
    const OFFSET: i32;

    /// # Safety
    /// The CPU has AVX-512 with VNNI; `weights` are those of a group in both panels, and of each row `x` has 32 values.
    unsafe fn add<const ROWS: usize>(
        weights: [*const u8; 2],
        x: [*const i8; ROWS],
        sums: [__m512i; ROWS],
    ) -> [__m512i; ROWS];
}

struct Bytes;
struct Halves;

/// The weights that both panels have at a place.
#[inline(always)]
unsafe fn both(weights: [*const u8; 2], at: usize) -> __m512i {
    // SAFETY: the caller vouches for AVX-512 and the weights.
    unsafe {
        let low = _mm256_loadu_si256(weights[0].add(at * 4 * PANEL).cast());
        let high = _mm256_loadu_si256(weights[1].add(at * 4 * PANEL).cast());
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
    }
}

/// The scales of a group in a panel.
#[inline(always)]
unsafe fn scales_of(panel: Panel, group: usize) -> __m256 {
    // SAFETY: the caller vouches for AVX-512 and the group.
    unsafe { _mm256_cvtph_ps(_mm_loadu_si128(panel.scales.as_ptr().add(group * 2 * PANEL).cast())) }
}

/// Add the products of a step: of four inputs of each row.
#[inline(always)]
unsafe fn add_step<const ROWS: usize>(
    weights: __m512i,
    x: [*const i8; ROWS],
    step: usize,
    sums: &mut [__m512i; ROWS],
) {
    for row in 0..ROWS {
        // SAFETY: the caller vouches for VNNI and the values.
        unsafe {
            let x = _mm512_set1_epi32(x[row].add(4 * step).cast::<i32>().read_unaligned());
            sums[row] = _mm512_dpbusd_epi32(sums[row], weights, x);
        }
    }
}

impl Group for Bytes {
    const BYTES: usize = Format::Int8.group_bytes();
    const OFFSET: i32 = 16;

    #[inline(always)]
    unsafe fn add<const ROWS: usize>(
        weights: [*const u8; 2],
        x: [*const i8; ROWS],
        mut sums: [__m512i; ROWS],
    ) -> [__m512i; ROWS] {
        // SAFETY: the caller vouches for VNNI, the weights and the values.
        unsafe {
            for step in 0..GROUP / 4 {
                let raised = _mm512_xor_si512(both(weights, step), _mm512_set1_epi8(-128));
                add_step(raised, x, step, &mut sums);
            }
        }
        sums
    }
}

impl Group for Halves {
    const BYTES: usize = Format::Int4.group_bytes();
    const OFFSET: i32 = 1;

    #[inline(always)]
    unsafe fn add<const ROWS: usize>(
        weights: [*const u8; 2],
        x: [*const i8; ROWS],
        mut sums: [__m512i; ROWS],
    ) -> [__m512i; ROWS] {
        // SAFETY: as above.
        unsafe {
            let mask = _mm512_set1_epi8(15);
            for step in 0..GROUP / 8 {
                let both = both(weights, step);
                add_step(_mm512_and_si512(both, mask), x, step, &mut sums);
                add_step(_mm512_and_si512(_mm512_srli_epi16::<4>(both), mask), x, step + 4, &mut sums);
            }
        }
        sums
    }
}

/// Returns `ROWS`.
#[inline(always)]
unsafe fn tile<G: Group, const ROWS: usize>(
    panels: [Panel; 2],
    outputs: &[Range<usize>; 2],
    input: &Input,
    from: usize,
    results: &Results,
) -> usize {
    // SAFETY: a panel has scales and weights for as many groups as the input, which has `ROWS` rows from `from` on.
    unsafe {
        let groups = input.groups();
        let mut sums = [_mm512_setzero_ps(); ROWS];
        for group in 0..groups {
            let place = input.place(from, group);
            let skip = group * G::BYTES;
            let weights = [
                panels[0].weights.as_ptr().wrapping_add(skip),
                panels[1].weights.as_ptr().wrapping_add(skip),
            ];
            // Further on than the hardware looks at the start of each page.
            for line in (0..G::BYTES).step_by(64) {
                for weights in weights {
                    _mm_prefetch::<_MM_HINT_T1>(weights.wrapping_add(AHEAD + line).cast());
                }
            }
            let mut x = [input.quants.as_ptr(); ROWS];
            let mut products = [_mm512_setzero_si512(); ROWS];
            for row in 0..ROWS {
                let at = place + row;
                x[row] = x[row].add(at * GROUP);
                products[row] = _mm512_set1_epi32(G::OFFSET * *input.offsets.as_ptr().add(at));
            }
            let products = G::add(weights, x, products);
            let scales = [scales_of(panels[0], group), scales_of(panels[1], group)];
            let scale = _mm512_insertf32x8::<1>(_mm512_castps256_ps512(scales[0]), scales[1]);
            for row in 0..ROWS {
                let at = place + row;
                let scale = _mm512_mul_ps(scale, _mm512_set1_ps(*input.scales.as_ptr().add(at)));
                sums[row] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(products[row]), scale, sums[row]);
            }
        }
        for (row, sum) in sums.into_iter().enumerate() {
            let mut lanes = [0.0f32; 2 * PANEL];
            _mm512_storeu_ps(lanes.as_mut_ptr(), sum);
            for (outputs, lanes) in outputs.iter().zip(lanes.as_chunks::<PANEL>().0) {
                for (output, lane) in outputs.clone().zip(lanes) {
                    *results.at(from + row, output) = *lane;
                }
            }
        }
    }
    ROWS
}

/// Bytes between what is read and what is asked for.
const AHEAD: usize = 1024;
