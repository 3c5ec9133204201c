//! A batch of rows, on one thread or several: rows do not know of each other.

use std::cell::RefCell;

use ferrolm_base::simd::{self, Level};
use ferrolm_base::{Cancel, pool};
use rayon::prelude::*;

use crate::arch::kernels;
use crate::draw::{draw, log_probability, write_probabilities};
use crate::error::SamplingError;
use crate::history::History;
use crate::kernels::Kernels;
use crate::logits::{Logits, Values};
use crate::params::Params;
use crate::philox::uniform;
use crate::row::{Distribution, Scratch, distribution, prepare};

/// Logits from which a second thread pays: reaching the pool costs some 10 µs, a logit about 0.2 ns.
const PARALLEL_FROM: usize = 1 << 18;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What belongs to one row besides its logits.
#[derive(Debug, Clone, Copy)]
pub struct RowInput<'a> {
    pub params: &'a Params,
    pub history: &'a History,
    pub seed: u64,
    pub step: u64,
}

/// Of which distribution the log-probability of a drawn token is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogProbs {
    None,
    /// Softmax of the logits as they came.
    Raw,
    /// What was drawn from, after penalties, temperature and filters.
    Processed,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawn {
    pub token: u32,
    /// Natural logarithm; 0 when none was asked for.
    pub logprob: f64,
}

/// Draw one token for each row.
pub fn sample(
    logits: &Logits<'_>,
    rows: &[RowInput<'_>],
    logprobs: LogProbs,
    cancel: &Cancel,
) -> Result<Vec<Drawn>, SamplingError> {
    sample_at(simd::level(), logits, rows, logprobs, cancel)
}

/// [`sample`] with the instruction set given.
pub(crate) fn sample_at(
    level: Level,
    logits: &Logits<'_>,
    rows: &[RowInput<'_>],
    logprobs: LogProbs,
    cancel: &Cancel,
) -> Result<Vec<Drawn>, SamplingError> {
    let kernels = kernels(level);
    check_batch("params", rows.len(), logits.batch())?;
    let one = |(at, (values, row)): (usize, (&Values<'_>, &RowInput<'_>))| {
        cancel.check()?;
        with_scratch(|scratch| sample_row(&kernels, (at, *values), row, logprobs, scratch))
    };
    let pairs = (logits.rows(), rows);
    if pays(logits) {
        let results = pool::install(|| pairs.into_par_iter().enumerate().map(one).collect::<Vec<_>>());
        // Collected first, so that the error of the lowest row is the one reported.
        return results.into_iter().collect();
    }
    logits.rows().iter().zip(rows).enumerate().map(one).collect()
}

/// The distributions drawn from, [batch, vocab] in `out`; seeds and steps do not matter.
pub fn filtered_probabilities(
    logits: &Logits<'_>,
    rows: &[RowInput<'_>],
    out: &mut [f32],
    cancel: &Cancel,
) -> Result<(), SamplingError> {
    let kernels = kernels(simd::level());
    check_batch("params", rows.len(), logits.batch())?;
    let pairs = logits.rows().iter().zip(rows).zip(out.chunks_exact_mut(logits.vocab())).enumerate();
    for (at, ((values, row), out)) in pairs {
        cancel.check()?;
        with_scratch(|Scratch { patches, work }| {
            let prepared = prepare((at, *values), row.params, row.history, &kernels, patches)?;
            let distribution = distribution(&prepared, row.params, work)?;
            write_probabilities(&prepared, &distribution, work, out);
            Ok::<_, SamplingError>(())
        })?;
    }
    Ok(())
}

pub(crate) fn check_batch(what: &'static str, found: usize, batch: usize) -> Result<(), SamplingError> {
    if found == batch { Ok(()) } else { Err(SamplingError::BatchMismatch { what, found, batch }) }
}

fn pays(logits: &Logits<'_>) -> bool {
    logits.batch() > 1 && logits.batch() * logits.vocab() >= PARALLEL_FROM && pool::num_threads() > 1
}

fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
        Ok(mut scratch) => work(&mut scratch),
        Err(_) => work(&mut Scratch::default()),
    })
}

fn sample_row(
    kernels: &Kernels,
    (at, values): (usize, Values<'_>),
    input: &RowInput<'_>,
    logprobs: LogProbs,
    Scratch { patches, work }: &mut Scratch,
) -> Result<Drawn, SamplingError> {
    let row = prepare((at, values), input.params, input.history, kernels, patches)?;
    let drawn_from = distribution(&row, input.params, work)?;
    let u = if input.params.is_greedy() { 0.0 } else { uniform(input.seed, input.step) };
    let token = draw(&row, &drawn_from, work, u);
    let logprob = match logprobs {
        LogProbs::None => 0.0,
        LogProbs::Processed => log_probability(&row, &drawn_from, token),
        LogProbs::Raw => {
            let raw = crate::scan::Row { patches: &[], ..row };
            let everything: Distribution = distribution(&raw, &Params::default(), work)?;
            log_probability(&raw, &everything, token)
        }
    };
    Ok(Drawn { token, logprob })
}
