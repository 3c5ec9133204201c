//! Norms of the rows of hidden states.

use ferrolm_base::simd::Level;

use crate::arch::{self, Loop};

/// Both have a weight, and one has a bias, for each of `width` values.
#[derive(Clone, Debug)]
pub enum Norm {
    /// Zero mean and variance one (Ba et al. 2016).
    Layer { weight: Vec<f32>, bias: Vec<f32>, epsilon: f32 },
    /// Mean square one (Zhang and Sennrich 2019).
    RootMeanSquare { weight: Vec<f32>, epsilon: f32 },
}

impl Norm {
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Layer { weight, .. } | Self::RootMeanSquare { weight, .. } => weight.len(),
        }
    }

    /// Whether weight and bias are as many.
    pub(crate) fn fits(&self) -> bool {
        match self {
            Self::Layer { weight, bias, .. } => weight.len() == bias.len(),
            Self::RootMeanSquare { .. } => true,
        }
    }

    /// Norm the rows of `from` into `to`.
    pub(crate) fn apply(&self, level: Level, from: &[f32], to: &mut [f32]) {
        to.copy_from_slice(from);
        self.apply_here(level, to);
    }

    pub(crate) fn apply_here(&self, level: Level, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.width().max(1)) {
            arch::run(level, Row { norm: self, row });
        }
    }
}

struct Row<'a> {
    norm: &'a Norm,
    row: &'a mut [f32],
}

impl Loop for Row<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let count = self.row.len() as f32;
        match self.norm {
            Norm::Layer { weight, bias, epsilon } => {
                let mean = sum(self.row, Plain) / count;
                let variance = sum(self.row, SquaredFrom(mean)) / count;
                let inverse = 1.0 / (variance + epsilon).sqrt();
                for ((value, weight), bias) in self.row.iter_mut().zip(weight).zip(bias) {
                    *value = (*value - mean) * inverse * weight + bias;
                }
            }
            Norm::RootMeanSquare { weight, epsilon } => {
                let inverse = 1.0 / (sum(self.row, SquaredFrom(0.0)) / count + epsilon).sqrt();
                for (value, weight) in self.row.iter_mut().zip(weight) {
                    *value *= inverse * weight;
                }
            }
        }
    }
}

trait Term: Copy {
    fn of(self, x: f32) -> f32;
}

#[derive(Clone, Copy)]
struct Plain;
#[derive(Clone, Copy)]
struct SquaredFrom(f32);

impl Term for Plain {
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        x
    }
}

impl Term for SquaredFrom {
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        (x - self.0) * (x - self.0)
    }
}

/// In sixteen sums, which become vector registers, and round less than one.
#[inline(always)]
fn sum(row: &[f32], term: impl Term) -> f32 {
    let mut sums = [0.0f32; 16];
    let (chunks, rest) = row.as_chunks::<16>();
    for chunk in chunks {
        for lane in 0..16 {
            sums[lane] += term.of(chunk[lane]);
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += term.of(*x);
    }
    sums.iter().sum()
}
