//! One model from several, over the union of their n-grams, to be saved and queried like any other.
//!
//! **Linear**: p(w | h) is the weighted sum of the models' probabilities, for all n-grams of the union; what is left after a
//! context goes to the other words as the shorter context has them, as SRILM's `ngram -mix-lm` does. That is exact
//! for n-grams of the union and an approximation for the rest, where the true mixture weighs the models' back-off
//! weights anew for each word; the weight here lies between theirs and makes the probabilities sum to one.
//!
//! **Log-linear** (Heafield, Geigle, Massung and Schwartz 2016, "Normalized Log-Linear Interpolation of Backoff Language Models
//! is Efficient"): p(w | h) is proportional to the product of the models' probabilities to the power of their weights.
//! The product of back-off models is one, so this is exact: with `Z` for the sums, `b` for the product of the
//! back-off weights and `x` for the words that continue h in the union,
//!
//! ```text
//! Z(h) = sum of p*(w | h) over x  +  b(h) (Z(h') - sum of p*(w | h') over x)
//! ```

use std::f64::consts::LN_10;
use std::ops::Range;

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::error::{NgramError, Result};
use crate::estimate::{NO_WEIGHT, UNSEEN, contexts, link};
use crate::levels::split;
use crate::lexicon::Lexicon;
use crate::model::Model;
use crate::union::Union;
use crate::unsafe_memory::zeroed;
use crate::view::{all_arrays, views};

/// How models are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The weighted sum of probabilities.
    Linear,
    /// The normalized product of powers of probabilities.
    LogLinear,
}

impl Kind {
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            "linear" => Ok(Self::Linear),
            "log-linear" => Ok(Self::LogLinear),
            _ => {
                let message = format!("kind is {name:?}, but must be \"linear\" or \"log-linear\"");
                Err(NgramError::InvalidArgument(message))
            }
        }
    }
}

/// Combine `models` with one weight each: for [`Kind::Linear`] not negative, with a sum of one.
pub fn interpolate(models: &[&Model], weights: &[f64], kind: Kind, cancel: &Cancel) -> Result<Model> {
    check(models.len(), weights, kind)?;
    let lexicon = Lexicon::of(models)?;
    let arrays = all_arrays(models, cancel)?;
    let views = views(models, &arrays);
    let union = Union::of(&views, &lexicon, cancel)?;
    let (log10, backoffs) = match kind {
        Kind::Linear => linear(&union, &lexicon, weights, cancel)?,
        Kind::LogLinear => log_linear(&union, &lexicon, weights, cancel)?,
    };
    let mut levels = union.levels;
    let (grams, nodes) = link(&levels, |k, index| log10[k][index], |k, index| backoffs[k][index], cancel)?;
    let links = levels.last_mut().map(|top| std::mem::take(&mut top.suffixes)).unwrap_or_default();
    Ok(Model::new(lexicon.vocabulary, grams, nodes, links))
}

fn check(models: usize, weights: &[f64], kind: Kind) -> Result<()> {
    let complain = |message: String| Err(NgramError::InvalidArgument(message));
    if weights.len() != models {
        return complain(format!("there are {} weights for {models} models", weights.len()));
    }
    if let Some(weight) = weights.iter().find(|weight| !weight.is_finite()) {
        return complain(format!("a weight is {weight}, but must be finite"));
    }
    let sum: f64 = weights.iter().sum();
    if kind == Kind::Linear && (weights.iter().any(|&weight| weight < 0.0) || (sum - 1.0).abs() > 1e-6) {
        return complain(format!("the weights are {weights:?}, but must not be negative and sum to 1"));
    }
    Ok(())
}

pub(crate) fn pow10(log10: f64) -> f64 {
    (log10 * LN_10).exp()
}

pub(crate) fn dot(weights: &[f64], values: &[f32]) -> f64 {
    weights.iter().zip(values).map(|(weight, &value)| weight * f64::from(value)).sum()
}

/// By level: log10 of probabilities, and of back-off weights of all levels but the top.
type Tables = (Vec<Vec<f32>>, Vec<Vec<f32>>);

fn linear(union: &Union<'_>, lexicon: &Lexicon, weights: &[f64], cancel: &Cancel) -> Result<Tables> {
    let begin = lexicon.vocabulary.inner_markers().begin;
    let (mut log10, mut backoffs): Tables = (Vec::new(), Vec::new());
    for (k, level) in union.levels.iter().enumerate() {
        cancel.check()?;
        let mixed = |(index, &word): (usize, &u32)| {
            let scores = union.scores(k, index).iter().zip(weights).enumerate();
            let terms = scores.filter(|&(i, _)| lexicon.knows(i, word));
            let terms = terms.map(|(_, (&score, weight))| weight * pow10(f64::from(score)));
            let sum = if k == 0 && word == begin { 1.0 } else { terms.sum::<f64>() };
            (sum.log10() as f32).clamp(UNSEEN, 0.0)
        };
        log10.push(level.words.par_iter().enumerate().map(mixed).collect());
        if k > 0 {
            backoffs.push(linear_weights(union, k, weights, &log10, cancel)?);
        }
    }
    Ok((log10, backoffs))
}

/// What is left after each context of level `k`, by what the shorter context has left for the same words.
fn linear_weights(
    union: &Union<'_>,
    k: usize,
    weights: &[f64],
    log10: &[Vec<f32>],
    cancel: &Cancel,
) -> Result<Vec<f32>> {
    let (level, children) = (&union.levels[k], &union.levels[k - 1].children);
    let weight = |context: usize| {
        let range = children[context] as usize..children[context + 1] as usize;
        if range.is_empty() {
            return 0.0;
        }
        let own: f64 = log10[k][range.clone()].iter().map(|&p| pow10(f64::from(p))).sum();
        let suffixes = level.suffixes[range].iter();
        let lower: f64 = suffixes.map(|&suffix| pow10(f64::from(log10[k - 1][suffix as usize]))).sum();
        // In exact numbers it lies between the models' weights: rounding has no more room than that.
        let theirs = || union.backoffs(k - 1, context).iter().map(|&weight| pow10(f64::from(weight)));
        let (least, most) = theirs().fold((f64::MAX, 0.0f64), |(low, high), b| (low.min(b), high.max(b)));
        let ratio = (1.0 - own) / (1.0 - lower);
        let mean = || theirs().zip(weights).map(|(b, weight)| b * weight).sum::<f64>();
        let ratio = if lower < 1.0 { ratio } else { mean() };
        (ratio.min(most).max(least).log10() as f32).max(NO_WEIGHT)
    };
    let weight = |context: usize| -> Result<f32> {
        if context.is_multiple_of(POLL) {
            cancel.check()?;
        }
        Ok(weight(context))
    };
    (0..children.len() - 1).into_par_iter().map(weight).collect()
}

/// Contexts between two looks at the cancel flag.
const POLL: usize = 1024;

fn log_linear(union: &Union<'_>, lexicon: &Lexicon, weights: &[f64], cancel: &Cancel) -> Result<Tables> {
    let begin = lexicon.vocabulary.inner_markers().begin;
    let words: Vec<u32> = lexicon.predicted();
    let product = |k: usize, index: usize| dot(weights, union.scores(k, index));
    let highest = words.iter().map(|&word| product(0, word as usize)).fold(f64::MIN, f64::max);
    let sum: f64 = words.iter().map(|&word| pow10(product(0, word as usize) - highest)).sum();
    let bottom = highest + sum.log10();
    let unigram = |word: u32| {
        let log10 = if word == begin { 0.0 } else { product(0, word as usize) - bottom };
        (log10 as f32).clamp(UNSEEN, 0.0)
    };
    let unigrams = (0..union.levels[0].len() as u32).into_par_iter().map(unigram);
    let mut log10: Vec<Vec<f32>> = vec![unigrams.collect()];
    // log10 of Z for the contexts of the level below; first for the empty context.
    let mut below = vec![bottom];
    let mut backoffs = Vec::new();
    for k in 1..union.levels.len() {
        let step = Step { union, weights, words: words.len(), k, lower: &log10[k - 1], below: &below };
        let (here, sums, weights) = step.run(cancel)?;
        log10.push(here);
        backoffs.push(weights);
        below = sums;
    }
    Ok((log10, backoffs))
}

/// Normalizing level `k`.
struct Step<'a> {
    union: &'a Union<'a>,
    weights: &'a [f64],
    /// How many words can follow any context.
    words: usize,
    k: usize,
    /// log10 of the probabilities of the level below.
    lower: &'a [f32],
    /// log10 of Z for the contexts' suffixes.
    below: &'a [f64],
}

impl Step<'_> {
    /// log10 of probabilities, of Z for each context, and of the contexts' back-off weights.
    fn run(&self, cancel: &Cancel) -> Result<(Vec<f32>, Vec<f64>, Vec<f32>)> {
        let children = &self.union.levels[self.k - 1].children;
        let groups = contexts(children);
        let sizes: Vec<usize> =
            groups.iter().map(|range| (children[range.end] - children[range.start]) as usize).collect();
        let mut log10: Vec<f32> = zeroed(self.union.levels[self.k].len());
        let parts = split(&mut log10, &sizes).into_par_iter().zip(&groups).map(|(mut log10, group)| {
            cancel.check()?;
            let mut parts = Vec::with_capacity(group.len());
            for context in group.clone() {
                let range = children[context] as usize..children[context + 1] as usize;
                let (own, rest) = std::mem::take(&mut log10).split_at_mut(range.len());
                parts.push(self.context(context, range, own));
                log10 = rest;
            }
            Ok::<_, NgramError>(parts)
        });
        let parts: Vec<(f64, f32)> = parts.collect::<Result<Vec<_>>>()?.concat();
        let (sums, weights) = parts.into_iter().unzip();
        Ok((log10, sums, weights))
    }

    /// Write the probabilities of a context's continuations; returns log10 of its Z and its back-off weight.
    fn context(&self, context: usize, range: Range<usize>, log10: &mut [f32]) -> (f64, f32) {
        let below = match self.k {
            1 => self.below.first(),
            k => self.below.get(self.union.levels[k - 1].suffixes[context] as usize),
        };
        let base =
            dot(self.weights, self.union.backoffs(self.k - 1, context)) + below.copied().unwrap_or(0.0);
        let suffixes = &self.union.levels[self.k].suffixes[range.clone()];
        let lower: f64 = suffixes.iter().map(|&suffix| pow10(f64::from(self.lower[suffix as usize]))).sum();
        // Where all words are listed nothing is left, whatever rounding says.
        let rest = if range.len() < self.words { (1.0 - lower).max(0.0) } else { 0.0 };
        let products = || range.clone().map(|index| dot(self.weights, self.union.scores(self.k, index)));
        // Z(h), relative to what it would be without any n-gram of this length.
        let ratio = rest + products().map(|product| pow10(product - base)).sum::<f64>();
        let ratio = ratio.max(f64::MIN_POSITIVE).log10();
        for (product, slot) in products().zip(log10) {
            *slot = ((product - base - ratio) as f32).clamp(UNSEEN, 0.0);
        }
        (base + ratio, (-ratio as f32).max(NO_WEIGHT))
    }
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;
    use crate::options::{Options, Smoothing};
    use crate::train::from_ids;

    fn model(sequences: &[Vec<u32>], order: usize) -> Model {
        let mut offsets = vec![0i64];
        offsets.extend(sequences.iter().scan(0, |sum, sequence| {
            *sum += sequence.len() as i64;
            Some(*sum)
        }));
        let options = Options { order, smoothing: Smoothing::WittenBell, ..Options::default() };
        from_ids(&sequences.concat(), &offsets, 6, &options, &NEVER).unwrap().0
    }

    fn probabilities(model: &Model, context: &[u32]) -> Vec<f64> {
        let logprobs = model.next_logprobs(model.context(context, true));
        logprobs.iter().map(|&logprob| f64::from(logprob).exp()).collect()
    }

    proptest! {
        #[test]
        fn merged_models_are_distributions_and_log_linear_ones_the_product(
            one in prop::collection::vec(prop::collection::vec(0u32..4, 0..8), 1..12),
            two in prop::collection::vec(prop::collection::vec(2u32..6, 0..8), 1..12),
            orders in (1usize..5, 1usize..5),
            weight in 0.0f64..1.0,
            contexts in prop::collection::vec(prop::collection::vec(0u32..6, 0..5), 6),
        ) {
            let (one, two) = (model(&one, orders.0), model(&two, orders.1));
            let weights = [weight, 1.0 - weight];
            let linear = interpolate(&[&one, &two], &weights, Kind::Linear, &NEVER).unwrap();
            let product = interpolate(&[&one, &two], &weights, Kind::LogLinear, &NEVER).unwrap();
            for context in &contexts {
                let sum: f64 = probabilities(&linear, context).iter().sum();
                prop_assert!((sum - 1.0).abs() < 1e-5, "{sum}");
                let pairs = probabilities(&one, context).into_iter().zip(probabilities(&two, context));
                let expected: Vec<f64> =
                    pairs.map(|(a, b)| a.powf(weights[0]) * b.powf(weights[1])).collect();
                let all: f64 = expected.iter().sum();
                for (found, expected) in probabilities(&product, context).iter().zip(&expected) {
                    prop_assert!((found - expected / all).abs() < 1e-5, "{found} {expected} {all}");
                }
            }
        }
    }
}
