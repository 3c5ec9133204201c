//! Estimating a model from counts: what all smoothing methods share.
//!
//! All of them are one sum, with `h'` for the context `h` without its first word:
//!
//! ```text
//! p(w | h) = (c(h w) - d) / n(h) + s(h) p(w | h')
//! ```
//! They differ in the counts `c`, the discounts `d`, the denominators `n` and the shares `s` of the lower order: see
//! `Method` in smoothing.rs. The share is also the back-off weight of `h`, so a word that was never seen after `h` has the second
//! part alone. The mass of pruned n-grams goes to the lower order whole, so that probabilities still sum to one. O(n-grams)
//! after the sort, every step in parallel.

use std::borrow::Cow;
use std::ops::Range;

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::Corpus;
use crate::error::{NgramError, Result};
use crate::levels::{self, Level};
use crate::model::{Gram, Model, Node};
use crate::options::{Options, OrderReport};
use crate::prune::{self, Pruning};
use crate::smoothing::{Estimate, Method, Seen};
use crate::unsafe_memory::{with_capacity, zeroed};
use crate::vocabulary::Vocabulary;

/// log10 of no probability at all: what KenLM gives to unknown words of a model without `<unk>`.
pub(crate) const UNSEEN: f32 = -100.0;
/// log10 of a back-off weight of zero, as SRILM writes it: ARPA files hold finite weights only.
pub(crate) const NO_WEIGHT: f32 = -99.0;

/// Estimate a model. The tokens of `corpus` are the inner numbers of `vocabulary`, with its markers around sentences.
pub fn train(
    corpus: &Corpus,
    vocabulary: Vocabulary,
    options: &Options,
    cancel: &Cancel,
) -> Result<(Model, Vec<OrderReport>)> {
    let thresholds = options.thresholds()?;
    let method = options.method()?;
    if corpus.offsets.len() < 2 {
        return Err(NgramError::InvalidArgument(
            "there is nothing to train on: the corpus has no sentence".to_owned(),
        ));
    }
    let levels = levels::build(corpus, options.order as u8, cancel)?;
    cancel.check()?;
    let pruning = Pruning::new(thresholds, options.vocabulary.as_deref(), &vocabulary, &levels);
    let estimation = Estimation {
        levels: &levels,
        vocabulary: &vocabulary,
        method: &*method,
        options,
        pruning: &pruning,
        words: pruning.words(&levels) as f64 - 1.0,
    };
    let (mut reports, probabilities, backoffs) = estimation.all(cancel)?;
    let model = assemble(levels, vocabulary, &probabilities, &backoffs, &pruning, cancel)?;
    for (report, kept) in reports.iter_mut().zip(model.counts()) {
        report.kept = kept;
    }
    Ok((model, reports))
}

struct Estimation<'a> {
    levels: &'a [Level],
    vocabulary: &'a Vocabulary,
    method: &'a dyn Method,
    options: &'a Options,
    pruning: &'a Pruning,
    /// How many words can be predicted: all that are kept, but `<s>`.
    words: f64,
}

/// Reports, and by order the probabilities and the back-off weights.
type Estimates = (Vec<OrderReport>, Vec<Vec<f32>>, Vec<Vec<f32>>);

impl Estimation<'_> {
    fn all(&self, cancel: &Cancel) -> Result<Estimates> {
        let begin = self.vocabulary.inner_markers().begin as usize;
        let counts: Vec<Cow<'_, [u32]>> = (0..self.levels.len())
            .into_par_iter()
            .map(|k| self.method.counts().of(self.levels, begin, k))
            .collect();
        cancel.check()?;
        let reports = counts
            .iter()
            .enumerate()
            .map(|(k, counts)| self.report(k, counts))
            .collect::<Result<Vec<_>>>()?;
        let mut probabilities = vec![self.unigrams(&counts[0], &reports[0].discounts)];
        let mut backoffs = Vec::new();
        for k in 1..self.levels.len() {
            cancel.check()?;
            let (probability, backoff) =
                self.order(k, &counts[k], &reports[k].discounts, &probabilities[k - 1]);
            probabilities.push(probability);
            backoffs.push(backoff);
        }
        Ok((reports, probabilities, backoffs))
    }

    fn report(&self, k: usize, counts: &[u32]) -> Result<OrderReport> {
        let mut of_count = [0u64; 5];
        for &count in counts {
            of_count[(count as usize).min(4) * usize::from(count < 5)] += 1;
        }
        OrderReport::of(self.method, k, self.levels[k].len(), &of_count, self.options)
    }

    fn unigrams(&self, counts: &[u32], discounts: &[f64; 3]) -> Vec<f32> {
        let pruned = |word: usize| self.pruning.prunes(self.levels, 0, word);
        unigrams(self.method, self.options, self.vocabulary, counts, pruned, self.words, discounts)
    }

    /// Probabilities of level `k` and the back-off weights of the level below it.
    fn order(&self, k: usize, counts: &[u32], discounts: &[f64; 3], lower: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let level = &self.levels[k];
        let children = &self.levels[k - 1].children;
        let contexts = contexts(children);
        let sizes = |of: fn(&[u32], &Range<usize>) -> usize| -> Vec<usize> {
            contexts.iter().map(|range| of(children, range)).collect()
        };
        let mut probabilities = zeroed(level.len());
        let mut backoffs = vec![1.0; children.len() - 1];
        levels::split(
            &mut probabilities,
            &sizes(|children, r| (children[r.end] - children[r.start]) as usize),
        )
        .into_par_iter()
        .zip(levels::split(&mut backoffs, &sizes(|_, range| range.len())))
        .zip(&contexts)
        .for_each(|((probabilities, backoffs), contexts)| {
            let base = children[contexts.start] as usize;
            for (context, backoff) in contexts.clone().zip(backoffs) {
                let range = children[context] as usize..children[context + 1] as usize;
                if range.is_empty() {
                    continue;
                }
                let pruned = |index: usize| self.pruning.prunes(self.levels, k, index);
                let seen = Seen::of(range.clone().map(|index| (counts[index], pruned(index))));
                let estimate = Estimate::of(self.method, &seen, discounts, self.words);
                for index in range {
                    let lower = lower[level.suffixes[index] as usize];
                    probabilities[index - base] = estimate.probability(counts[index], lower);
                }
                *backoff = estimate.backoff;
            }
        });
        (probabilities, backoffs)
    }
}

/// Probabilities of all words, `<s>` with probability 1 as KenLM has it. `words` is how many can be predicted.
pub(crate) fn unigrams(
    method: &dyn Method,
    options: &Options,
    vocabulary: &Vocabulary,
    counts: &[u32],
    pruned: impl Fn(usize) -> bool,
    words: f64,
    discounts: &[f64; 3],
) -> Vec<f32> {
    let seen = Seen::of(counts.iter().enumerate().map(|(word, &count)| (count, pruned(word))));
    let weights = method.weights(&seen, discounts, words);
    // All words but <s> share what is left, or <unk> has it alone.
    let to_all = options.interpolate_unigrams && method.backoff().is_none();
    let share = if to_all { weights.share / words } else { 0.0 };
    let probability = |&count: &u32| (weights.own(count, discounts) + share) as f32;
    let mut probabilities: Vec<f32> = counts.par_iter().map(probability).collect();
    probabilities[vocabulary.inner_markers().begin as usize] = 1.0;
    if !to_all {
        probabilities[vocabulary.inner_unk() as usize] = weights.share as f32;
    }
    probabilities
}

/// The logarithms that a model has.
pub(crate) fn log10_probability(probability: f32) -> f32 {
    probability.log10().clamp(UNSEEN, 0.0)
}

pub(crate) fn log10_backoff(backoff: f32) -> f32 {
    backoff.log10().max(NO_WEIGHT)
}

/// Contexts in groups of some 64 thousand continuations: units of parallel work.
pub(crate) fn contexts(children: &[u32]) -> Vec<Range<usize>> {
    let (mut groups, mut start) = (Vec::new(), 0);
    for context in 0..children.len() - 1 {
        if children[context + 1] - children[start] >= 1 << 16 || context - start >= 1 << 16 {
            groups.push(start..context + 1);
            start = context + 1;
        }
    }
    groups.push(start..children.len() - 1);
    groups
}

/// Put words, logarithms, links together, without what is pruned.
fn assemble(
    mut levels: Vec<Level>,
    mut vocabulary: Vocabulary,
    probabilities: &[Vec<f32>],
    backoffs: &[Vec<f32>],
    pruning: &Pruning,
    cancel: &Cancel,
) -> Result<Model> {
    prune::words(&mut vocabulary, |word| pruning.prunes(&levels, 0, word));
    let log10 = |k: usize, index: usize| log10_probability(probabilities[k][index]);
    let backoff = |k: usize, index: usize| log10_backoff(backoffs[k][index]);
    let (mut grams, mut nodes) = link(&levels, log10, backoff, cancel)?;
    let mut links = levels.last_mut().map(|top| std::mem::take(&mut top.suffixes)).unwrap_or_default();
    prune::grams(&mut grams, &mut nodes, &mut links, &levels, pruning);
    Ok(Model::new(vocabulary, grams, nodes, links))
}

/// By order: n-grams, and what they are as contexts.
type Linked = (Vec<Vec<Gram>>, Vec<Vec<Node>>);

/// The n-grams of all levels, and what each is as a context; `log10` and `backoff` are asked for each level and place.
pub(crate) fn link(
    levels: &[Level],
    log10: impl Fn(usize, usize) -> f32 + Sync,
    backoff: impl Fn(usize, usize) -> f32 + Sync,
    cancel: &Cancel,
) -> Result<Linked> {
    let top = levels.len() - 1;
    let mut grams = Vec::with_capacity(levels.len());
    let mut nodes = Vec::with_capacity(top);
    for (k, level) in levels.iter().enumerate() {
        cancel.check()?;
        let gram = |(index, &word): (usize, &u32)| Gram { word, log10: log10(k, index) };
        let mut here = with_capacity(level.len());
        level.words.par_iter().enumerate().map(gram).collect_into_vec(&mut here);
        grams.push(here);
        if k < top {
            let node = |index: usize| Node {
                backoff: if index < level.len() { backoff(k, index) } else { 0.0 },
                suffix: level.suffixes.get(index).copied().unwrap_or(0),
                children: level.children[index],
            };
            let mut here = with_capacity(level.len() + 1);
            (0..level.len() + 1).into_par_iter().map(node).collect_into_vec(&mut here);
            nodes.push(here);
        }
    }
    Ok((grams, nodes))
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;
    use crate::options::Smoothing;
    use crate::train::from_ids;

    fn smoothing() -> impl Strategy<Value = Smoothing> {
        prop_oneof![
            Just(Smoothing::KneserNey),
            Just(Smoothing::WittenBell),
            Just(Smoothing::Absolute { discounts: Vec::new() }),
            (0.0f64..=1.0).prop_map(|discount| Smoothing::Absolute { discounts: vec![discount] }),
            (0.01f64..2.0).prop_map(|k| Smoothing::AddK { k }),
        ]
    }

    proptest! {
        #[test]
        fn every_method_makes_distributions_with_and_without_pruning(
            sequences in prop::collection::vec(prop::collection::vec(0u32..6, 0..10), 1..20),
            (order, smoothing) in (1usize..5, smoothing()),
            mut prune in prop::collection::vec(0u32..3, 0..2),
            only in prop::option::of(prop::collection::btree_set(0u32..6, 0..6)),
            contexts in prop::collection::vec(prop::collection::vec(0u32..7, 0..5), 6),
        ) {
            prune.sort_unstable();
            let vocabulary = only.map(|ids| ids.iter().map(ToString::to_string).collect());
            let options = Options { order, smoothing, prune, vocabulary, ..Options::default() };
            let offsets: Vec<i64> = std::iter::once(0)
                .chain(sequences.iter().scan(0, |sum, s| { *sum += s.len() as i64; Some(*sum) }))
                .collect();
            let (model, _) = from_ids(&sequences.concat(), &offsets, 6, &options, &NEVER).unwrap();
            for context in &contexts {
                let logprobs = model.next_logprobs(model.context(context, true));
                let sum: f64 = logprobs.iter().map(|&logprob| f64::from(logprob).exp()).sum();
                prop_assert!((sum - 1.0).abs() < 1e-5, "{sum} after {context:?}");
            }
        }
    }
}
