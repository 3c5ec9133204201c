//! `x Wᵀ + b`, split over the cores by outputs.

use ferrolm_base::simd::{self, Level};
use ferrolm_base::{Cancel, pool};
use rayon::prelude::*;

use super::{GROUP, Weights};
use crate::AttentionError;
use crate::arch::linear::{Input, dots};

/// Bytes of weights, times rows, that one thread should have to itself: some 20 µs of reading, waking another takes 5.
const TASK_BYTES: usize = 1 << 18;
/// Input rows that are prepared at once.
const ROWS: usize = 128;

impl Weights {
    /// `out` = `x` · weightsᵀ + `bias`, where `x` is `(rows, inputs)` and `out` `(rows, outputs)`.
    pub fn apply(
        &self,
        x: &[f32],
        bias: Option<&[f32]>,
        out: &mut [f32],
        cancel: &Cancel,
    ) -> Result<(), AttentionError> {
        self.apply_at(simd::level(), x, bias, out, cancel)
    }

    /// [`apply`](Self::apply) with the instruction set given; a level that the machine lacks is lowered.
    pub fn apply_at(
        &self,
        level: Level,
        x: &[f32],
        bias: Option<&[f32]>,
        out: &mut [f32],
        cancel: &Cancel,
    ) -> Result<(), AttentionError> {
        let (outputs, inputs) = self.shape();
        if outputs == 0 || out.is_empty() {
            return Ok(());
        }
        let rows = out.len() / outputs;
        let argument =
            |argument, found: usize, expected| AttentionError::Length { argument, found, expected };
        if x.len() != rows * inputs {
            return Err(argument("x", x.len(), rows * inputs));
        }
        if out.len() != rows * outputs {
            return Err(argument("out", out.len(), rows * outputs));
        }
        if let Some(bias) = bias
            && bias.len() != outputs
        {
            return Err(argument("bias", bias.len(), outputs));
        }
        if inputs == 0 {
            out.fill(0.0);
            add(bias, outputs, out);
            return Ok(());
        }
        let level = crate::arch::usable(level);
        for (x, out) in x.chunks(ROWS * inputs).zip(out.chunks_mut(ROWS * outputs)) {
            cancel.check()?;
            self.multiply(level, x, out);
        }
        add(bias, outputs, out);
        Ok(())
    }

    /// At most [`ROWS`] rows, at least one.
    fn multiply(&self, level: Level, x: &[f32], out: &mut [f32]) {
        let rows = out.len() / self.outputs;
        let input = Input::new(level, x, self.inputs, self.format.is_quantized());
        // The results of one output lie together first, so that tasks write into memory of their own.
        let mut columns = vec![0.0; if rows == 1 { 0 } else { rows * self.outputs }];
        let results = if rows == 1 { &mut *out } else { &mut columns };
        let least = (TASK_BYTES / (self.format.row_bytes(self.inputs) * rows)).clamp(1, self.outputs);
        let tasks = (self.outputs / least).min(pool::num_threads());
        if tasks > 1 {
            let own = self.outputs.div_ceil(tasks);
            pool::install(|| {
                results.par_chunks_mut(own * rows).enumerate().for_each(|(part, results)| {
                    dots(level, self, part * own, &input, results);
                });
            });
        } else {
            dots(level, self, 0, &input, results);
        }
        if rows > 1 {
            for (row, out) in out.chunks_exact_mut(self.outputs).enumerate() {
                for (out, results) in out.iter_mut().zip(columns.chunks_exact(rows)) {
                    *out = results[row];
                }
            }
        }
    }
}

fn add(bias: Option<&[f32]>, outputs: usize, out: &mut [f32]) {
    for out in out.chunks_exact_mut(outputs) {
        out.iter_mut().zip(bias.unwrap_or_default()).for_each(|(out, bias)| *out += bias);
    }
}

const _: () = assert!(GROUP == 32, "the kernels are written for it");
