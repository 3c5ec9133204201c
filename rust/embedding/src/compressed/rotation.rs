//! A rotation that spreads the length of a row over all its values.
//!
//! Rows whose values differ much in size waste the steps of a code on the greatest. Signs by chance and Hadamard's
//! transform leave products of rows as they are, and make of any row one whose values are like those of a normal
//! distribution (Ailon and Chazelle 2006, who use it for the same reason). The transform takes a power of two of values;
//! of other lengths the first values are rotated, then the last, then the first again. O(n log n).

use crate::random::Random;

/// For rows of one length; the same in every process.
pub(super) struct Rotation {
    turns: Vec<Turn>,
}

/// Where a turn begins, and what the values from there on are multiplied by before it: 1/√n with a sign.
struct Turn {
    start: usize,
    factors: Vec<f32>,
}

impl Rotation {
    /// Of rows of `width` values, whole blocks of codes.
    pub(super) fn new(width: usize) -> Self {
        let length = if width == 0 { 0 } else { 1 << width.ilog2() };
        let starts: &[usize] = if length == width { &[0] } else { &[0, width - length, 0] };
        let mut random = Random::new(0, 0, 0);
        let factor = (1.0 / (length.max(1) as f64).sqrt()) as f32;
        let mut factors = || {
            (0..length).map(|_| if random.next() >> 63 == 0 { factor } else { -factor }).collect::<Vec<f32>>()
        };
        Self { turns: starts.iter().map(|&start| Turn { start, factors: factors() }).collect() }
    }

    /// How long the difference between a rotated row and the exact one may be, by the row's length.
    pub(super) fn error(&self) -> f64 {
        // Each stage rounds each value once, and so do the factor and its product.
        let stages: f64 = self.turns.iter().map(|turn| (turn.factors.len().max(1) as f64).log2() + 2.0).sum();
        stages * f64::from(f32::EPSILON)
    }

    pub(super) fn apply(&self, row: &mut [f32]) {
        for turn in &self.turns {
            let values = &mut row[turn.start..][..turn.factors.len()];
            values.iter_mut().zip(&turn.factors).for_each(|(value, factor)| *value *= factor);
            transform(values);
        }
    }
}

/// Hadamard's transform without its factor; the length is a power of two, and at least 8.
fn transform(values: &mut [f32]) {
    values.as_chunks_mut::<8>().0.iter_mut().for_each(transform_eight);
    let mut half = 8;
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (first, second) = pair.split_at_mut(half);
            for (a, b) in first.iter_mut().zip(second) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

/// The stages within eight values, which are too short for loops.
#[inline(always)]
fn transform_eight(values: &mut [f32; 8]) {
    let [a, b, c, d, e, f, g, h] = *values;
    let [a, b, c, d, e, f, g, h] = [a + e, b + f, c + g, d + h, a - e, b - f, c - g, d - h];
    let [a, b, c, d, e, f, g, h] = [a + c, b + d, a - c, b - d, e + g, f + h, e - g, f - h];
    *values = [a + b, a - b, c + d, c - d, e + f, e - f, g + h, g - h];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    }

    #[test]
    fn products_stay_and_lengths_spread() {
        for width in [64, 192, 384, 1024, 1600] {
            let rotation = Rotation::new(width);
            let rows: Vec<Vec<f32>> = (1..4u16)
                .map(|seed| (0..width).map(|i| (i as f32 * f32::from(seed)).cos()).collect())
                .collect();
            let mut turned = rows.clone();
            for row in &mut turned {
                rotation.apply(row);
            }
            for a in 0..3 {
                for b in 0..3 {
                    let length = (product(&rows[a], &rows[a]) * product(&rows[b], &rows[b])).sqrt();
                    let apart = product(&rows[a], &rows[b]) - product(&turned[a], &turned[b]);
                    assert!(apart.abs() <= 2.1 * rotation.error() * length, "{width}: {apart}");
                }
            }
            // All in a few places, wherever they are.
            for at in [0, width / 2, width - 8] {
                let mut row = vec![0.0f32; width];
                row[at..at + 8].fill(1.0);
                rotation.apply(&mut row);
                let most = row.iter().fold(0.0f32, |most, value| most.max(value.abs()));
                assert!(f64::from(most) <= 8.0 * (8.0 / width as f64).sqrt(), "{width} {at}: {most}");
            }
        }
        Rotation::new(0).apply(&mut []);
    }
}
