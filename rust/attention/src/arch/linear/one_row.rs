//! Products of one row with weights that are contiguous along the inputs: the time is that of reading them.

use std::ops::Range;

use super::super::dots::Dots;
use super::super::vector::Vector;
use super::Results;
use super::dense::Rows;

/// Rows of weights at once. Each begins a quarter of the outputs behind the one before, and goes on from row to row: as many
/// streams without an end, where short rows that lie end to end would be as many that begin anew all the time.
const STREAMS: usize = 4;
/// Bytes between what is multiplied and what is asked for.
const AHEAD: usize = 1024;

/// `x` is the input as the products take it, padded with zeros to whole vectors.
///
/// # Safety
/// The CPU has `V`'s instruction set, `matrix` the outputs, and no other task writes their results.
#[inline(always)]
pub(super) unsafe fn multiply<V: Vector, D: Dots<V>>(
    matrix: Rows<D::Element>,
    inputs: usize,
    outputs: Range<usize>,
    x: *const f32,
    results: &Results,
) {
    let step = D::STEP * V::LANES;
    let (whole, tail) = (inputs - inputs % step, inputs % step);
    let quarter = outputs.len().div_ceil(STREAMS);
    for first in outputs.start..outputs.start + quarter {
        // SAFETY: rows of weights are read up to `inputs`; instead of those behind the last one that one is read again.
        unsafe {
            let mut weights = [matrix.row(first); STREAMS];
            for (stream, weights) in weights.iter_mut().enumerate() {
                *weights = matrix.row((first + stream * quarter).min(outputs.end - 1));
            }
            let mut sums = [V::splat(0.0); STREAMS];
            let mut at = 0;
            while at < whole {
                let x = V::load(x.add(at / D::STEP));
                for (weights, sum) in weights.iter().zip(&mut sums) {
                    let from = weights.add(at);
                    V::prefetch(from.cast::<u8>().wrapping_add(AHEAD));
                    *sum = D::products(*sum, D::part(from), x);
                }
                at += step;
            }
            if tail > 0 {
                let x = V::load(x.add(at / D::STEP));
                for (weights, sum) in weights.iter().zip(&mut sums) {
                    *sum = D::products(*sum, D::part_tail(weights.add(at), tail), x);
                }
            }
            // In the way of several rows: a row does not depend on how many there are.
            let sums = V::sums(sums[0], sums[1], sums[2], sums[3]);
            for (stream, sum) in sums.into_iter().enumerate() {
                let output = first + stream * quarter;
                if output < outputs.end {
                    *results.at(0, output) = sum;
                }
            }
        }
    }
}
