//! Interpolated modified Kneser-Ney smoothing, as `lmplz` of KenLM estimates it.
//!
//! Chen and Goodman (1998), "An Empirical Study of Smoothing Techniques for Language Modeling", equations 24 to 26;
//! Heafield, Pouzyrevsky, Clark and Koehn (2013), "Scalable Modified Kneser-Ney Language Model Estimation".
//! O(n-grams) after the sort, every step in parallel.

use std::ops::Range;

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::Corpus;
use crate::error::{NgramError, Result};
use crate::levels::{self, Level};
use crate::model::{Gram, Model, Node};
use crate::prune;
use crate::unsafe_memory::{with_capacity, zeroed};
use crate::vocabulary::Vocabulary;

/// Longer n-grams than this are mistakes.
pub const MAX_ORDER: usize = 32;

/// How to estimate; the names are those of `lmplz`.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Length of the longest n-grams, 1 to [`MAX_ORDER`].
    pub order: usize,
    /// N-grams that occur at most this often are left out; one threshold per order from 1 on, never falling, the last
    /// one for all orders that follow. Empty: keep all.
    pub prune: Vec<u32>,
    /// Unknown words share the smoothing mass with all words (true), or get all of it (false, as SRILM does).
    pub interpolate_unigrams: bool,
    /// Discounts for counts 1, 2 and more where they cannot be estimated from the data; `None` makes that an error.
    pub discount_fallback: Option<[f64; 3]>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            order: 5,
            prune: Vec::new(),
            interpolate_unigrams: true,
            discount_fallback: Some([0.5, 1.0, 1.5]),
        }
    }
}

/// What was found at one order.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderReport {
    /// Distinct n-grams before and after pruning.
    pub seen: usize,
    pub kept: usize,
    /// Subtracted from (adjusted) counts of 1, of 2, and of 3 or more.
    pub discounts: [f64; 3],
    /// Why the discounts are the fallback's; `None` if they were estimated.
    pub fallback: Option<String>,
}

/// Estimate a model. The tokens of `corpus` are the inner numbers of `vocabulary`, with its markers around sentences.
pub fn train(
    corpus: &Corpus,
    vocabulary: Vocabulary,
    options: &Options,
    cancel: &Cancel,
) -> Result<(Model, Vec<OrderReport>)> {
    let thresholds = options.thresholds()?;
    if corpus.offsets.len() < 2 {
        return Err(NgramError::InvalidArgument(
            "there is nothing to train on: the corpus has no sentence".to_owned(),
        ));
    }
    let levels = levels::build(corpus, options.order as u8, cancel)?;
    cancel.check()?;
    let estimation =
        Estimation { levels: &levels, vocabulary: &vocabulary, options, thresholds: &thresholds };
    let adjusted: Vec<Vec<u32>> = (0..levels.len()).into_par_iter().map(|k| estimation.adjusted(k)).collect();
    cancel.check()?;
    let mut reports = adjusted
        .iter()
        .enumerate()
        .map(|(k, counts)| estimation.report(k, counts))
        .collect::<Result<Vec<_>>>()?;
    let bottom = estimation.unigrams(&adjusted[0], &reports[0]);
    let mut probabilities = vec![bottom];
    let mut backoffs = Vec::new();
    for k in 1..levels.len() {
        cancel.check()?;
        let (probability, backoff) =
            estimation.order(k, &adjusted[k], &reports[k].discounts, &probabilities[k - 1]);
        probabilities.push(probability);
        backoffs.push(backoff);
    }
    drop(adjusted);
    let model = assemble(levels, vocabulary, &probabilities, &backoffs, &thresholds, cancel)?;
    for (report, kept) in reports.iter_mut().zip(model.counts()) {
        report.kept = kept;
    }
    Ok((model, reports))
}

impl Options {
    /// One pruning threshold per order.
    pub(crate) fn thresholds(&self) -> Result<Vec<u32>> {
        let complain = |message: String| Err(NgramError::InvalidArgument(message));
        if self.order == 0 || self.order > MAX_ORDER {
            return complain(format!("order is {}, but must be 1 to {MAX_ORDER}", self.order));
        }
        if self.prune.len() > self.order {
            return complain(format!(
                "prune has {} thresholds, but the model only {} orders",
                self.prune.len(),
                self.order
            ));
        }
        if self.prune.is_sorted() {
            let last = self.prune.last().copied().unwrap_or(0);
            let mut thresholds = self.prune.clone();
            thresholds.resize(self.order, last);
            return Ok(thresholds);
        }
        complain(format!(
            "prune is {:?}, but the thresholds must not fall from one order to the next",
            self.prune
        ))
    }
}

struct Estimation<'a> {
    levels: &'a [Level],
    vocabulary: &'a Vocabulary,
    options: &'a Options,
    thresholds: &'a [u32],
}

impl Estimation<'_> {
    /// The counts that smoothing uses: occurrences at the top and for n-grams that begin a sentence, elsewhere the
    /// number of different words seen before the n-gram.
    fn adjusted(&self, k: usize) -> Vec<u32> {
        let level = &self.levels[k];
        let begin = self.vocabulary.inner_markers().begin as usize;
        let Some(above) = self.levels.get(k + 1) else {
            let mut counts = level.counts.clone();
            if k == 0 {
                counts[begin] = 0;
            }
            return counts;
        };
        let mut counts: Vec<u32> = zeroed(level.len());
        for &suffix in &above.suffixes {
            counts[suffix as usize] += 1;
        }
        if k > 0 {
            let range = self.levels[..k].iter().fold(begin..begin + 1, |range, level| {
                level.children[range.start] as usize..level.children[range.end] as usize
            });
            counts[range.clone()].copy_from_slice(&level.counts[range]);
        }
        counts
    }

    fn report(&self, k: usize, adjusted: &[u32]) -> Result<OrderReport> {
        let mut of_count = [0u64; 5];
        for &count in adjusted {
            of_count[(count as usize).min(4) * usize::from(count < 5)] += 1;
        }
        OrderReport::of(k + 1, self.levels[k].len(), &of_count, self.options)
    }

    /// Whether an n-gram of an order above the first is left out.
    fn is_pruned(&self, k: usize, index: usize) -> bool {
        self.thresholds[k] > 0 && self.levels[k].counts[index] <= self.thresholds[k]
    }

    fn unigrams(&self, adjusted: &[u32], report: &OrderReport) -> Vec<f32> {
        let counts = &self.levels[0].counts;
        unigrams(adjusted, counts, self.thresholds[0], self.vocabulary, self.options, &report.discounts)
    }

    /// Interpolated probabilities of level `k` and the back-off weights of the level below it.
    fn order(&self, k: usize, adjusted: &[u32], discounts: &[f64; 3], lower: &[f32]) -> (Vec<f32>, Vec<f32>) {
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
                let items = range.clone().map(|index| (adjusted[index], self.is_pruned(k, index)));
                let sums = Sums::of(items, discounts);
                for index in range {
                    let lower = lower[level.suffixes[index] as usize];
                    probabilities[index - base] = sums.interpolated(adjusted[index], discounts, lower);
                }
                *backoff = sums.gamma as f32;
            }
        });
        (probabilities, backoffs)
    }
}

impl OrderReport {
    /// The report of an order; `of_count[c]` is how many of its n-grams have the adjusted count `c`, from 1 to 4.
    pub(crate) fn of(order: usize, seen: usize, of_count: &[u64; 5], options: &Options) -> Result<Self> {
        match discounts(of_count) {
            Ok(discounts) => Ok(Self { seen, kept: seen, discounts, fallback: None }),
            Err(reason) => {
                let reason = format!("order {order}: {reason}");
                let missing = || {
                    let message =
                        format!("the discounts cannot be estimated for {reason}; set discount_fallback");
                    NgramError::InvalidArgument(message)
                };
                let discounts = options.discount_fallback.ok_or_else(missing)?;
                Ok(Self { seen, kept: seen, discounts, fallback: Some(reason) })
            }
        }
    }
}

/// Interpolated probabilities of all words, `<s>` with probability 1 as KenLM has it.
pub(crate) fn unigrams(
    adjusted: &[u32],
    counts: &[u32],
    threshold: u32,
    vocabulary: &Vocabulary,
    options: &Options,
    discounts: &[f64; 3],
) -> Vec<f32> {
    let special =
        [vocabulary.unk(), vocabulary.bos(), vocabulary.eos()].map(|number| vocabulary.inner(number));
    let pruned =
        |word: usize| threshold > 0 && counts[word] <= threshold && !special.contains(&(word as u32));
    let sums = Sums::of(adjusted.iter().enumerate().map(|(w, &c)| (c, pruned(w))), discounts);
    let kept = (0..adjusted.len()).filter(|&word| !pruned(word)).count();
    // All words but <s> share the mass that discounting freed.
    let share = if options.interpolate_unigrams { sums.gamma / (kept - 1) as f64 } else { 0.0 };
    let probability = |&count: &u32| (sums.discounted(count, discounts) + share) as f32;
    let mut probabilities: Vec<f32> = adjusted.par_iter().map(probability).collect();
    probabilities[vocabulary.inner_markers().begin as usize] = 1.0;
    if !options.interpolate_unigrams {
        probabilities[vocabulary.inner_unk() as usize] = sums.gamma as f32;
    }
    probabilities
}

/// What the continuations of one context sum up to.
pub(crate) struct Sums {
    total: f64,
    /// The mass left for the lower order.
    pub(crate) gamma: f64,
}

impl Sums {
    /// `items` are counts, and whether they are pruned: the mass of pruned ones goes to the lower order whole.
    pub(crate) fn of(items: impl Iterator<Item = (u32, bool)>, discounts: &[f64; 3]) -> Self {
        let (mut total, mut pruned_mass, mut of_count) = (0u64, 0u64, [0u64; 3]);
        for (count, pruned) in items {
            total += u64::from(count);
            if pruned {
                pruned_mass += u64::from(count);
            } else if count > 0 {
                of_count[(count as usize).min(3) - 1] += 1;
            }
        }
        let freed: f64 = of_count.iter().zip(discounts).map(|(&n, d)| n as f64 * d).sum();
        let gamma = if total == 0 { 1.0 } else { (freed + pruned_mass as f64) / total as f64 };
        Self { total: (total as f64).max(1.0), gamma }
    }

    /// The probability of a continuation whose lower order gives it `lower`.
    pub(crate) fn interpolated(&self, count: u32, discounts: &[f64; 3], lower: f32) -> f32 {
        (self.discounted(count, discounts) + self.gamma * f64::from(lower)) as f32
    }

    pub(crate) fn discounted(&self, count: u32, discounts: &[f64; 3]) -> f64 {
        if count == 0 {
            return 0.0;
        }
        (f64::from(count) - discounts[(count as usize).min(3) - 1]) / self.total
    }
}

/// Chen and Goodman's equation 26, from the numbers of n-grams with counts 1 to 4.
fn discounts(of_count: &[u64; 5]) -> std::result::Result<[f64; 3], String> {
    if let Some(count) = (1..4).find(|&count| of_count[count] == 0) {
        return Err(format!(
            "no n-gram has an adjusted count of {count} (is the corpus small or artificial?)"
        ));
    }
    let n = of_count.map(|count| count as f64);
    let y = n[1] / (n[1] + 2.0 * n[2]);
    let discounts: [f64; 3] = std::array::from_fn(|i| {
        let j = i + 1;
        j as f64 - (j + 1) as f64 * y * n[j + 1] / n[j]
    });
    match discounts.iter().zip(1..).find(|&(&discount, j)| !(0.0..=f64::from(j)).contains(&discount)) {
        Some((discount, j)) => {
            Err(format!("the estimate for count {j} is {discount:.3}, not between 0 and {j}"))
        }
        None => Ok(discounts),
    }
}

/// Contexts in groups of some 64 thousand continuations: units of parallel work.
fn contexts(children: &[u32]) -> Vec<Range<usize>> {
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
    thresholds: &[u32],
    cancel: &Cancel,
) -> Result<Model> {
    if thresholds.iter().any(|&threshold| threshold > 0) {
        prune::words(&mut vocabulary, &levels[0].counts, thresholds[0]);
    }
    let top = levels.len() - 1;
    let mut grams = Vec::with_capacity(levels.len());
    let mut nodes = Vec::with_capacity(top);
    for (k, level) in levels.iter().enumerate() {
        cancel.check()?;
        let gram = |(&word, &p): (&u32, &f32)| Gram { word, log10: p.log10().min(0.0) };
        let mut here = with_capacity(level.len());
        level.words.par_iter().zip(&probabilities[k]).map(gram).collect_into_vec(&mut here);
        grams.push(here);
        if k < top {
            let node = |index: usize| Node {
                backoff: backoffs[k].get(index).map_or(0.0, |backoff| backoff.log10()),
                suffix: level.suffixes.get(index).copied().unwrap_or(0),
                children: level.children[index],
            };
            let mut here = with_capacity(level.len() + 1);
            (0..level.len() + 1).into_par_iter().map(node).collect_into_vec(&mut here);
            nodes.push(here);
        }
    }
    let mut links = std::mem::take(&mut levels[top].suffixes);
    if thresholds.iter().any(|&threshold| threshold > 0) {
        prune::grams(&mut grams, &mut nodes, &mut links, &levels, thresholds);
    }
    Ok(Model::new(vocabulary, grams, nodes, links))
}
