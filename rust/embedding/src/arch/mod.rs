//! The arithmetic of a training step, compiled for each instruction set.
//!
//! A step is the gradient of all inputs against all outputs, from the values before it: scores, errors, and errors
//! times either side are three small matrix products (Ji et al. 2016, "Parallelizing word2vec"). They work on the
//! rows where these lie, six outputs at a time, whose values stay in registers while all inputs pass.
//!
//! Per input and output and value that is 6 floating-point operations. A skip-gram position with a window of 5 and
//! 5 negatives has 6 inputs and 6 outputs on average: 22,000 operations for 100 values, some 700 cycles of AVX2, and
//! 4.8 kB that are read and written, of which the outputs' 2.4 kB come from outside the nearest caches.

mod kernel;
mod lanes;

pub(crate) mod codes;
pub(crate) mod glove;
pub(crate) mod search;

use ferrolm_base::simd::Level;

use crate::unsafe_matrix::Row;

/// Outputs that are worked on together; [`Tile`] has room for two more, to make whole vectors of eight.
pub(crate) const TILE: usize = 6;

/// Up to [`TILE`] outputs.
#[derive(Clone, Copy, Debug)]
struct Tile<'a> {
    rows: [Row<'a>; TILE],
    count: usize,
    /// 1 for what is true, 0 for what is wrong.
    labels: [f32; 8],
    /// How often each stands for itself; 0 past the end.
    weights: [f32; 8],
}

#[derive(Clone, Copy, Debug)]
struct Input<'a> {
    read: Row<'a>,
    /// Where its change is added: the row itself, or one of the worker's.
    write: Row<'a>,
    weight: f32,
}

/// Inputs and outputs of one step; rows of a side are all different.
#[derive(Debug, Default)]
pub(crate) struct Step<'a> {
    inputs: Vec<Input<'a>>,
    tiles: Vec<Tile<'a>>,
    /// Of each input against the outputs of the tile at hand; tile by tile.
    errors: Vec<[f32; 8]>,
    /// Copies of the inputs while several tiles change them.
    before: Vec<f32>,
}

impl<'a> Step<'a> {
    pub(crate) fn clear_inputs(&mut self) {
        self.inputs.clear();
    }

    pub(crate) fn clear_outputs(&mut self) {
        self.tiles.clear();
    }

    /// An input that counts `weight` times and is read from one row while another takes its change.
    #[inline(always)]
    pub(crate) fn input(&mut self, read: Row<'a>, write: Row<'a>, weight: f32) {
        self.inputs.push(Input { read, write, weight });
    }

    /// An output that counts `weight` times, with 1 as `label` if it is true and 0 if it is wrong.
    #[inline(always)]
    pub(crate) fn output(&mut self, row: Row<'a>, label: f32, weight: f32) {
        if self.tiles.last().is_none_or(|tile| tile.count == TILE) {
            self.tiles.push(Tile { rows: [row; TILE], count: 0, labels: [0.0; 8], weights: [0.0; 8] });
        }
        if let Some(tile) = self.tiles.last_mut() {
            let at = tile.count;
            (tile.rows[at], tile.labels[at], tile.weights[at]) = (row, label, weight);
            tile.count += 1;
        }
    }

    fn has_work(&self) -> bool {
        !self.inputs.is_empty() && !self.tiles.is_empty()
    }
}

macro_rules! dispatch {
    ($level:expr, $name:ident($($argument:expr),*)) => {
        match $level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level in force is never above what the machine has; rows are valid by their type.
            Level::Avx512 => unsafe { kernel::avx512::$name($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx2 => unsafe { kernel::avx2::$name($($argument),*) },
            // SAFETY: rows are valid by their type.
            _ => unsafe { kernel::portable::$name($($argument),*) },
        }
    };
}

/// Rows are padded to a multiple of so many values.
pub(crate) fn padding(level: Level) -> usize {
    if level == Level::Avx512 { 16 } else { 8 }
}

/// Take the step with learning rate `rate`; rows have `width` values, a multiple of [`padding`].
///
/// With `loss` the negative log-likelihood before the step is added to it.
pub(crate) fn descend(level: Level, step: &mut Step, width: usize, rate: f32, loss: Option<&mut f64>) {
    debug_assert!(width.is_multiple_of(padding(level)));
    if step.has_work() {
        dispatch!(level, descend(step, width, rate, loss));
    }
}

/// `to` becomes the sum of the rows times `scale`, and `delta` zero.
pub(crate) fn gather(level: Level, rows: &[Row], scale: f32, to: Row, delta: Row, width: usize) {
    dispatch!(level, gather(rows, scale, to, delta, width));
}

/// `delta` times `scale` is added to each of the rows.
pub(crate) fn scatter(level: Level, rows: &[Row], scale: f32, delta: Row, width: usize) {
    dispatch!(level, scatter(rows, scale, delta, width));
}

/// Ask for a row that will be needed soon.
#[inline(always)]
pub(crate) fn prefetch(row: Row, width: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        for at in (0..width).step_by(16) {
            // SAFETY: inside the row; a prefetch reads nothing that the program could see.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(row.pointer().add(at).cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (row, width);
}

#[cfg(test)]
mod tests;
