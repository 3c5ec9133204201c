//! A batch of rows, on one thread or several: rows do not know of each other.

use std::cell::RefCell;

use ferrolm_base::simd::{self, Level};
use ferrolm_base::{Cancel, pool};
use rayon::prelude::*;

use crate::arch::kernels;
use crate::chain::Now;
use crate::draw::{draw, log_probability, most_probable, write_probabilities};
use crate::error::SamplingError;
use crate::history::History;
use crate::kernels::Kernels;
use crate::logits::{Logits, Values};
use crate::params::{Draw, Params};
use crate::philox::uniforms;
use crate::race::{Noise, race};
use crate::row::{Distribution, Scratch, certain, distribution, prepare};

/// Logits from which a second thread pays: reaching the pool costs some 10 µs, a logit about 0.2 ns.
pub(crate) const PARALLEL_FROM: usize = 1 << 18;

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
    /// The tokens that may be chosen at this step: 32 in a word, from the lowest bit on; None is all.
    pub mask: Option<&'a [u32]>,
    /// Where [`Mirostat`](crate::Mirostat) stands; None is at its beginning.
    pub mu: Option<f64>,
    /// Exponential times of the tokens, [vocab], that decide instead of the seed.
    pub noise: Option<&'a [f32]>,
}

impl<'a> RowInput<'a> {
    /// At the first step, with seed 0.
    pub fn new(params: &'a Params, history: &'a History) -> Self {
        Self { params, history, seed: 0, step: 0, mask: None, mu: None, noise: None }
    }

    fn now(&self, chance: f64) -> Now<'a> {
        let first = || self.params.mirostat.map_or(0.0, |mirostat| mirostat.first_mu());
        Now { chance, mu: self.mu.unwrap_or_else(first), past: self.history.tokens() }
    }
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
    /// Bits that the token carries under what it was drawn from; 0 unless [`Mirostat`](crate::Mirostat) needs them.
    pub surprise: f64,
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
            let (prepared, forced) = prepare((at, *values), row, &kernels, patches)?;
            if let Some(token) = forced {
                write_probabilities(&prepared, &certain(token), work, out);
                return Ok(());
            }
            let chance = row.params.xtc_probability;
            let first = distribution(&prepared, row.params, row.now(0.0), work)?;
            write_probabilities(&prepared, &first, work, out);
            if chance > 0.0 && chance < 1.0 {
                // What is drawn from without the step that is left to chance.
                let mut other = vec![0.0; out.len()];
                let second = distribution(&prepared, row.params, row.now(1.0), work)?;
                write_probabilities(&prepared, &second, work, &mut other);
                for (one, other) in out.iter_mut().zip(other) {
                    *one = (f64::from(*one) * chance + f64::from(other) * (1.0 - chance)) as f32;
                }
            }
            Ok::<_, SamplingError>(())
        })?;
    }
    Ok(())
}

/// The `count` most probable tokens of each row's distribution and the natural logarithms of their probabilities, row after
/// row in `tokens` and `logprobs`; of equals the first. Where fewer are left, the others are token 0 with minus infinity.
/// Nothing is left to chance: [`Step::Xtc`](crate::Step) is not taken.
pub fn top_log_probabilities(
    logits: &Logits<'_>,
    rows: &[RowInput<'_>],
    count: usize,
    tokens: &mut [u32],
    logprobs: &mut [f32],
    cancel: &Cancel,
) -> Result<(), SamplingError> {
    let kernels = kernels(simd::level());
    check_batch("params", rows.len(), logits.batch())?;
    tokens.fill(0);
    logprobs.fill(f32::NEG_INFINITY);
    let out = tokens.chunks_exact_mut(count.max(1)).zip(logprobs.chunks_exact_mut(count.max(1)));
    for (at, ((values, row), (tokens, logprobs))) in logits.rows().iter().zip(rows).zip(out).enumerate() {
        cancel.check()?;
        with_scratch(|Scratch { patches, work }| {
            let (prepared, forced) = prepare((at, *values), row, &kernels, patches)?;
            let drawn_from = match forced {
                Some(token) => certain(token),
                None => distribution(&prepared, row.params, row.now(1.0), work)?,
            };
            let found = most_probable(&prepared, &drawn_from, work, count);
            for (place, (token, logprob)) in found.into_iter().enumerate() {
                (tokens[place], logprobs[place]) = (token, logprob as f32);
            }
            Ok::<_, SamplingError>(())
        })?;
    }
    Ok(())
}

pub(crate) fn check_batch(what: &'static str, found: usize, batch: usize) -> Result<(), SamplingError> {
    if found == batch { Ok(()) } else { Err(SamplingError::BatchMismatch { what, found, batch }) }
}

pub(crate) fn pays(logits: &Logits<'_>) -> bool {
    logits.batch() > 1 && logits.batch() * logits.vocab() >= PARALLEL_FROM && pool::num_threads() > 1
}

pub(crate) fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
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
    let (row, forced) = prepare((at, values), input, kernels, patches)?;
    let [u, chance] = if input.params.is_greedy() { [0.0; 2] } else { uniforms(input.seed, input.step) };
    let drawn_from = match forced {
        Some(token) => certain(token),
        None => distribution(&row, input.params, input.now(chance), work)?,
    };
    let token = match (input.noise, input.params.draw) {
        (Some(times), _) => race(&row, &drawn_from, work, Noise::Given(times))?,
        (None, Draw::Gumbel) => {
            let (seed, step) = (input.seed, input.step);
            race(&row, &drawn_from, work, Noise::Counter { seed, step })?
        }
        (None, Draw::Multinomial) => draw(&row, &drawn_from, work, u),
    };
    let surprise = match input.params.mirostat {
        Some(_) => -log_probability(&row, &drawn_from, work, token) / std::f64::consts::LN_2,
        None => 0.0,
    };
    let logprob = match logprobs {
        LogProbs::None => 0.0,
        LogProbs::Processed => log_probability(&row, &drawn_from, work, token),
        LogProbs::Raw => {
            let raw = crate::scan::Row { patches: &[], masks: [None; 2], ..row };
            let everything: Distribution = distribution(&raw, &Params::default(), Now::default(), work)?;
            log_probability(&raw, &everything, work, token)
        }
    };
    Ok(Drawn { token, logprob, surprise })
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;
    use crate::params::LogitBias;

    fn params() -> impl Strategy<Value = Params> {
        let filters = (prop_oneof![Just(0.0), 0.1f64..3.0], 0usize..800, 0.0f64..=1.0, 0.0f64..0.5);
        (filters, 0.5f64..2.0, -1.0f64..1.0, any::<u64>()).prop_map(
            |(filters, repetition, frequency, seed)| {
                let (temperature, top_k, top_p, min_p) = filters;
                Params {
                    temperature,
                    top_k,
                    top_p,
                    min_p,
                    repetition_penalty: repetition,
                    presence_penalty: 0.1,
                    frequency_penalty: frequency,
                    logit_bias: LogitBias::new(vec![(0, 1.5)]).unwrap(),
                    seed: Some(seed),
                    ..Params::default()
                }
            },
        )
    }

    /// A row in each format; the narrow ones by cutting bits off.
    fn formats(row: &[f32]) -> [Vec<u16>; 2] {
        let brain = row.iter().map(|x| (x.to_bits() >> 16) as u16);
        // Numbers of float16 between 2^-14 and 2^16, made from the exponent and ten bits of the mantissa.
        let half = row.iter().map(|x| {
            let bits = x.clamp(-60000.0, 60000.0).to_bits();
            let magnitude = (bits & 0x7fff_ffff).saturating_sub(112 << 23) >> 13;
            (bits >> 16 & 0x8000) as u16 | magnitude as u16
        });
        [half.collect(), brain.collect()]
    }

    proptest! {
        #[test]
        fn every_level_draws_the_same_tokens(
            row in prop::collection::vec(-30.0f32..30.0, 1..1500), params in params(), seen in prop::collection::vec(0u32..1500, 0..60),
        ) {
            let seen: Vec<u32> = seen.iter().map(|token| token % row.len() as u32).collect();
            let history = History::from_tokens(&seen[..seen.len() / 2], &seen[seen.len() / 2..]);
            let [half, brain] = formats(&row);
            let rows = vec![Values::Float32(&row), Values::Float16(&half), Values::BFloat16(&brain)];
            let logits = Logits::new(rows, row.len()).unwrap();
            let input = RowInput { seed: params.seed.unwrap_or(0), step: 3, ..RowInput::new(&params, &history) };
            let at = |level| sample_at(level, &logits, &[input; 3], LogProbs::Processed, &NEVER).unwrap();
            let expected = at(Level::Portable);
            for level in crate::arch::available() {
                prop_assert_eq!(&at(level), &expected, "{:?}", level);
            }
        }
    }

    #[test]
    fn a_raised_flag_stops_the_batch() {
        let row = [0.0; 10];
        let logits = Logits::new(vec![Values::Float32(&row)], 10).unwrap();
        let (params, history, cancel) = (Params::default(), History::new(), Cancel::new());
        cancel.cancel();
        let input = RowInput::new(&params, &history);
        assert!(matches!(
            sample(&logits, &[input], LogProbs::None, &cancel),
            Err(SamplingError::Cancelled(_))
        ));
    }

    /// Found by fuzzing: nothing was left, and the probabilities added up to less than 1.
    #[test]
    fn mirostat_that_stands_nowhere_is_an_error() {
        let (params, history) = (Params::default(), History::new());
        let logits = Logits::new(vec![Values::Float32(&[0.0, 1.0])], 2).unwrap();
        for mu in [f64::NAN, f64::INFINITY] {
            let row = RowInput { mu: Some(mu), ..RowInput::new(&params, &history) };
            let error = filtered_probabilities(&logits, &[row], &mut [0.0; 2], &NEVER).unwrap_err();
            assert_eq!(error.to_string(), format!("mu must be a finite number, found {mu}"));
            assert!(sample(&logits, &[row], LogProbs::None, &NEVER).is_err());
        }
    }
}
