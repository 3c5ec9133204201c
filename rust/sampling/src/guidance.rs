//! Classifier-free guidance: away from what the model says without the condition (Sanchez et al., 2023, "Stay on topic
//! with Classifier-Free Guidance").

use std::f32::consts::LOG2_E;

use ferrolm_base::Cancel;
use ferrolm_base::simd;

use crate::arch::kernels;
use crate::batch::{check_batch, with_scratch};
use crate::error::SamplingError;
use crate::kernels::Kernels;
use crate::logits::{Logits, Values};
use crate::row::Work;
use crate::scan::Row;

/// `u + scale · (c - u)` for the logarithms `c` and `u` of the probabilities of both batches, [batch, vocab] in `out`. What
/// the condition forbids stays forbidden.
pub fn guided(
    conditional: &Logits<'_>,
    unconditional: &Logits<'_>,
    scales: &[f64],
    out: &mut [f32],
    cancel: &Cancel,
) -> Result<(), SamplingError> {
    let kernels = kernels(simd::level());
    check_batch("unconditional", unconditional.batch(), conditional.batch())?;
    check_batch("scale", scales.len(), conditional.batch())?;
    if unconditional.vocab() != conditional.vocab() {
        let (found, expected) = (unconditional.vocab(), conditional.vocab());
        return Err(SamplingError::VocabularyMismatch { found, expected });
    }
    let pairs = conditional.rows().iter().zip(unconditional.rows()).zip(scales);
    for (index, ((pair, scale), out)) in pairs.zip(out.chunks_exact_mut(conditional.vocab())).enumerate() {
        cancel.check()?;
        if !scale.is_finite() {
            let found = format!("{scale:?} for row {index}");
            return Err(SamplingError::Parameter { field: "scale", range: "finite", found });
        }
        with_scratch(|scratch| {
            let rows = [*pair.0, *pair.1].map(|values| plain(index, values, &kernels));
            guide(rows, *scale as f32, out, &mut scratch.work)
        })?;
    }
    Ok(())
}

fn plain<'a>(index: usize, values: Values<'a>, kernels: &'a Kernels) -> Row<'a> {
    Row { index, values, patches: &[], masks: [None; 2], kernels }
}

fn guide(rows: [Row<'_>; 2], scale: f32, out: &mut [f32], work: &mut Work) -> Result<(), SamplingError> {
    let [with, without] = &rows;
    let (with_norm, without_norm) = (log_sum(with, work)?, log_sum(without, work)?);
    let mut other = Vec::new();
    for (block, out) in out.chunks_mut(crate::kernels::BLOCK).enumerate() {
        let with = with.block(block, &mut work.buffer);
        let without = without.block(block, &mut other);
        for ((out, with), without) in out.iter_mut().zip(with).zip(without) {
            let (with, without) = (with - with_norm, without - without_norm);
            *out = if with == f32::NEG_INFINITY { with } else { scale * (with - without) + without };
        }
    }
    // Where only the unconditional logit is -inf, or a scale drives a finite one out of range.
    match out.iter().position(|value| value.is_nan() || *value == f32::INFINITY) {
        Some(token) => Err(SamplingError::Guidance { row: with.index, token }),
        None => Ok(()),
    }
}

/// Natural logarithm of the sum of the exponentials of a row.
fn log_sum(row: &Row<'_>, work: &mut Work) -> Result<f32, SamplingError> {
    let maximum = row.scan_sums(LOG2_E, &mut work.maxima, &mut work.sums, &mut work.buffer)?;
    let total = work.weigh_blocks(row.kernels, maximum, LOG2_E);
    Ok((f64::from(maximum) + total.ln()) as f32)
}
