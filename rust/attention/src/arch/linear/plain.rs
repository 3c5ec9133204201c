//! The definition of the quantized product, for machines without a kernel of their own.

use std::ops::Range;

use super::{Input, Results};
use crate::linear::{GROUP, PANEL, Weights};

/// # Safety
/// No other task writes the results of these outputs.
pub(super) unsafe fn multiply(weights: &Weights, outputs: Range<usize>, input: &Input, results: &Results) {
    for panel in outputs.start / PANEL..outputs.end.div_ceil(PANEL) {
        let (first, kept) = (panel * PANEL, weights.panel(panel));
        for row in 0..input.rows() {
            let mut sums = [0.0f32; PANEL];
            for group in 0..input.groups() {
                let at = input.place(row, group);
                let x = &input.quants[at * GROUP..][..GROUP];
                for (output, sum) in sums.iter_mut().enumerate() {
                    let product: i32 = (0..GROUP)
                        .map(|input| i32::from(kept.weight(group, output, input)) * i32::from(x[input]))
                        .sum();
                    *sum += kept.scale(group, output) * input.scales[at] * product as f32;
                }
            }
            for (output, sum) in (first..outputs.end.min(first + PANEL)).zip(sums) {
                // SAFETY: `at` is inside, and the caller vouches that it is ours.
                unsafe { *results.at(row, output) = sum };
            }
        }
    }
}
