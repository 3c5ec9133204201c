//! `x Wᵀ + b`, split over the cores by outputs.

use ferrolm_base::simd::{self, Level};
use ferrolm_base::{Cancel, pool};
use rayon::prelude::*;

use super::{GROUP, Matrix, PANEL};
use crate::AttentionError;
use crate::arch::linear::{Input, Results, form, multiply};
use crate::arch::scratch::Scratch;

/// Bytes of weights, times rows, that one thread should have to itself: some 20 µs of reading, waking another takes 5.
const TASK_BYTES: usize = 1 << 18;
/// Input rows that are prepared at once.
const ROWS: usize = 128;
/// Outputs of a task are a multiple: whole panels, and whole lines of the caches.
const UNIT: usize = 16;

impl Matrix<'_> {
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
        } else {
            let level = crate::arch::usable(level);
            for (x, out) in x.chunks(ROWS * inputs).zip(out.chunks_mut(ROWS * outputs)) {
                cancel.check()?;
                self.multiply(level, x, out);
            }
        }
        for out in out.chunks_exact_mut(outputs) {
            out.iter_mut().zip(bias.unwrap_or_default()).for_each(|(out, bias)| *out += bias);
        }
        Ok(())
    }

    /// At most [`ROWS`] rows, at least one.
    fn multiply(&self, level: Level, x: &[f32], out: &mut [f32]) {
        let (outputs, inputs) = self.shape();
        let input = Input::new(level, x, inputs, form(level, self));
        let work = self.size() * input.rows();
        let tasks = (work / TASK_BYTES).min(pool::num_threads()).clamp(1, outputs.div_ceil(UNIT));
        let own = outputs.div_ceil(tasks).next_multiple_of(UNIT);
        let results = Results::new(out, outputs);
        let task = |part: usize| {
            let range = part * own..((part + 1) * own).min(outputs);
            Scratch::with(|scratch| multiply(level, self, range, &input, &results, &mut scratch.arch));
        };
        if tasks > 1 {
            pool::install(|| (0..outputs.div_ceil(own)).into_par_iter().with_max_len(1).for_each(task));
        } else {
            task(0);
        }
    }
}

const _: () = assert!(GROUP == 32 && UNIT.is_multiple_of(PANEL), "the kernels are written for it");
