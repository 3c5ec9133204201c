//! Weights that fit a held-out text best.
//!
//! Linear: expectation maximization on the exact mixture of the models (Jelinek and Mercer 1980), which finds the only
//! maximum. Log-linear: Newton's method on the log-likelihood, which is concave (Heafield et al. 2016).

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::Corpus;
use crate::error::{NgramError, Result};
use crate::interpolate::{Kind, pow10};
use crate::lexicon::Lexicon;
use crate::model::Model;
use crate::moments::{HeldOut, Value};
use crate::text::Text;
use crate::union::Union;
use crate::view::{all_arrays, views};

/// What weights are fitted to: sentences of text, or of ids (sequence `i` is `ids[offsets[i]..offsets[i + 1]]`).
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    Text(Text<'a>),
    Ids { ids: &'a [u32], offsets: &'a [i64] },
}

/// The weights for [`crate::interpolate::interpolate`] under which `held_out` is most likely.
pub fn weights(models: &[&Model], held_out: Source<'_>, kind: Kind, cancel: &Cancel) -> Result<Vec<f64>> {
    let lexicon = Lexicon::of(models)?;
    let corpus = read(&lexicon, held_out, cancel)?;
    match kind {
        Kind::Linear => {
            let observations = observe(models, &lexicon, &corpus, cancel)?;
            maximize(&observations, models.len(), cancel)
        }
        Kind::LogLinear => {
            let arrays = all_arrays(models, cancel)?;
            let views = views(models, &arrays);
            let union = Union::of(&views, &lexicon, cancel)?;
            ascend(&HeldOut::of(&union, &lexicon, &corpus, cancel)?, models.len(), cancel)
        }
    }
}

fn read(lexicon: &Lexicon, held_out: Source<'_>, cancel: &Cancel) -> Result<Corpus> {
    let corpus = match held_out {
        Source::Text(text) => lexicon.read_text(text, cancel)?,
        Source::Ids { ids, offsets } if lexicon.vocabulary.is_ids() => lexicon.read_ids(ids, offsets)?,
        Source::Ids { .. } => {
            let message = "the held-out text is ids, but the models are over words".to_owned();
            return Err(NgramError::InvalidArgument(message));
        }
    };
    if corpus.offsets.len() < 2 {
        return Err(NgramError::InvalidArgument("the held-out text has no sentence".to_owned()));
    }
    Ok(corpus)
}

/// Sentences that one worker takes at once.
const GROUP: usize = 256;
/// Words of a sentence between two looks at the cancel flag.
const POLL: usize = 4096;

/// The probability of each word and each end of a sentence under each model, over the united vocabulary.
fn observe(models: &[&Model], lexicon: &Lexicon, corpus: &Corpus, cancel: &Cancel) -> Result<Vec<f64>> {
    let end = lexicon.vocabulary.inner_markers().end;
    let sentences: Vec<_> = corpus.sentences().collect();
    let groups = sentences.par_chunks(GROUP).map(|group| -> Result<Vec<f64>> {
        let mut probabilities = Vec::new();
        for sentence in group {
            let mut states: Vec<_> = models.iter().map(|model| model.begin_state()).collect();
            for (count, &word) in corpus.tokens[sentence.clone()].iter().chain([&end]).enumerate() {
                if count.is_multiple_of(POLL) {
                    cancel.check()?;
                }
                for (i, (model, state)) in models.iter().zip(&mut states).enumerate() {
                    let (score, next) = model.step(*state, lexicon.to_model[i][word as usize]);
                    let known = lexicon.knows(i, word);
                    probabilities.push(if known { pow10(f64::from(score.log10)) } else { 0.0 });
                    *state = next;
                }
            }
        }
        Ok(probabilities)
    });
    Ok(groups.collect::<Result<Vec<_>>>()?.concat())
}

/// Words that are summed up together.
const WORDS: usize = 1 << 14;
const ROUNDS: usize = 1000;
/// The search for a mixture ends when the best one is better by less than this, in nats per word.
const SMALL: f64 = 1e-8;

/// Expectation maximization: the weights of `models` distributions, of which `observations` has one probability each
/// for every word, under which the words are most likely. Steps are made longer as long as that helps.
pub(crate) fn maximize(observations: &[f64], models: usize, cancel: &Cancel) -> Result<Vec<f64>> {
    let mut weights = vec![1.0 / models as f64; models];
    let mut here = Fit::of(observations, &weights);
    let mut length = 1.0;
    for _ in 0..ROUNDS {
        cancel.check()?;
        // The log-likelihood is concave: this bounds what the best weights could gain.
        if here.ratios.iter().copied().fold(0.0, f64::max) - 1.0 < SMALL {
            break;
        }
        let step = weights.iter().zip(&here.ratios).map(|(weight, ratio)| weight * ratio.powf(length));
        let next: Vec<f64> = step.collect();
        let sum: f64 = next.iter().sum();
        let next: Vec<f64> = next.into_iter().map(|weight| weight / sum).collect();
        let there = Fit::of(observations, &next);
        if there.likelihood >= here.likelihood {
            (weights, here, length) = (next, there, length * 2.0);
        } else if length > 1.0 {
            length = 1.0;
        } else {
            break;
        }
    }
    Ok(weights)
}

/// How well weights fit. A step of expectation maximization multiplies them by `ratios`.
struct Fit {
    likelihood: f64,
    ratios: Vec<f64>,
}

impl Fit {
    /// Words that are impossible under all distributions do not count.
    fn of(observations: &[f64], weights: &[f64]) -> Self {
        let models = weights.len();
        let parts = observations.par_chunks(WORDS * models).map(|part| {
            let (mut words, mut likelihood, mut ratios) = (0.0, 0.0, vec![0.0; models]);
            for probabilities in part.chunks_exact(models) {
                let all: f64 = probabilities.iter().zip(weights).map(|(p, weight)| p * weight).sum();
                if all > 0.0 {
                    words += 1.0;
                    likelihood += all.ln();
                    ratios.iter_mut().zip(probabilities).for_each(|(sum, p)| *sum += p / all);
                }
            }
            (words, likelihood, ratios)
        });
        let parts: Vec<(f64, f64, Vec<f64>)> = parts.collect();
        let words: f64 = parts.iter().map(|(words, ..)| words).sum();
        let mut fit = Self { likelihood: 0.0, ratios: vec![0.0; models] };
        for (_, likelihood, ratios) in parts {
            fit.likelihood += likelihood;
            fit.ratios.iter_mut().zip(ratios).for_each(|(sum, ratio)| *sum += ratio / words);
        }
        fit
    }
}

/// Newton's method with steps halved until they help.
fn ascend(held_out: &HeldOut<'_>, models: usize, cancel: &Cancel) -> Result<Vec<f64>> {
    let mut weights = vec![1.0 / models as f64; models];
    let mut here = held_out.value(&weights, cancel)?;
    for _ in 0..ROUNDS {
        let step = newton(&here, models);
        let mut scale = 1.0;
        let (next, there) = loop {
            let next: Vec<f64> =
                weights.iter().zip(&step).map(|(weight, step)| weight + scale * step).collect();
            let there = held_out.value(&next, cancel)?;
            if there.likelihood > here.likelihood {
                break (next, there);
            }
            scale /= 2.0;
            if scale < 1e-7 {
                return Ok(weights);
            }
        };
        let gain = (there.likelihood - here.likelihood) / held_out.tokens as f64;
        (weights, here) = (next, there);
        if gain < 1e-10 {
            break;
        }
    }
    Ok(weights)
}

/// The step to the maximum of the parabola through `value`; a ridge holds directions in which nothing changes.
fn newton(value: &Value, models: usize) -> Vec<f64> {
    let trace: f64 = (0..models).map(|i| value.curvature[i * models + i]).sum();
    let ridge = trace / models as f64 * 1e-9 + f64::MIN_POSITIVE;
    let mut rows: Vec<Vec<f64>> = (0..models)
        .map(|i| {
            let mut row = value.curvature[i * models..(i + 1) * models].to_vec();
            row[i] += ridge;
            row.push(value.gradient[i]);
            row
        })
        .collect();
    eliminate(&mut rows);
    rows.iter().map(|row| row.last().copied().unwrap_or(0.0)).collect()
}

/// Gauss-Jordan elimination with the largest pivot: the last column becomes the solution.
fn eliminate(rows: &mut [Vec<f64>]) {
    for column in 0..rows.len() {
        let largest =
            (column..rows.len()).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()));
        rows.swap(column, largest.unwrap_or(column));
        let pivot = rows[column].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(index, _)| *index != column) {
            let factor = row[column] / pivot[column];
            for (value, pivot) in row.iter_mut().zip(&pivot).skip(column) {
                *value -= factor * pivot;
            }
        }
        rows[column].iter_mut().skip(column).for_each(|value| *value /= pivot[column]);
    }
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;

    use super::*;

    #[test]
    fn elimination_solves() {
        let mut rows = vec![vec![0.0, 2.0, 4.0], vec![1.0, 1.0, 5.0]];
        eliminate(&mut rows);
        assert_eq!((rows[0][2], rows[1][2]), (3.0, 2.0));
    }

    #[test]
    fn the_best_mixture_of_two_coins_is_the_frequency() {
        // One distribution is sure of heads, the other of tails: 3 of 4 throws were heads.
        let observations = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        let weights = maximize(&observations, 2, &NEVER).unwrap();
        assert!((weights[0] - 0.75).abs() < 1e-6, "{weights:?}");
    }

    #[test]
    fn impossible_words_do_not_count() {
        assert_eq!(maximize(&[0.0, 0.0], 2, &NEVER).unwrap(), [0.5, 0.5]);
    }
}
