//! A cache: words of the last part of a document are more likely to come again.
//!
//! Kuhn and De Mori (1990), "A Cache-Based Natural Language Model for Speech Recognition"; with decay, Clarkson and Robinson
//! (1997). The distribution of the last `size` tokens of a document, older ones counting less if there is a half-life,
//! is mixed with that of the model. Everything that is scored is remembered, ends of sentences and unknown
//! words too, so the mixture is a distribution over the model's vocabulary. O(1) a token.

use std::collections::{HashMap, VecDeque};

use ferrolm_base::{Cancel, Cancelled};
use rayon::prelude::*;

use crate::corpus::check_offsets;
use crate::error::{NgramError, Result};
use crate::interpolate::pow10;
use crate::model::Model;
use crate::query::{Ends, Total};
use crate::text;
use crate::tune::maximize;

/// How a cache works.
#[derive(Debug, Clone, PartialEq)]
pub struct Cache {
    weight: f64,
    /// What a token counts once this many others have followed it, up to the size of the window.
    powers: Vec<f64>,
    /// The sums of the first powers: what a window with that many tokens counts.
    sums: Vec<f64>,
}

/// Documents, each some sentences of text or sequences of ids.
#[derive(Debug, Clone)]
pub enum Source<'a> {
    Texts(Vec<Vec<&'a str>>),
    /// Sequence `i` is `ids[offsets[i]..offsets[i + 1]]`; the documents have `lengths` sequences each.
    Ids {
        ids: &'a [u32],
        offsets: &'a [i64],
        lengths: &'a [usize],
    },
}

/// Documents in the inner numbers of a model.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    sentences: Vec<Vec<u32>>,
    /// Document `i` is `sentences[offsets[i]..offsets[i + 1]]`.
    offsets: Vec<usize>,
}

impl Documents {
    pub fn read(model: &Model, source: &Source<'_>) -> Result<Self> {
        let vocabulary = model.vocabulary();
        match source {
            Source::Texts(documents) => {
                let numbers =
                    |sentence: &&str| text::split(sentence).map(|word| vocabulary.inner_of(word)).collect();
                let sentences = documents.concat().par_iter().map(numbers).collect();
                Ok(Self { sentences, offsets: ends(documents.iter().map(Vec::len)) })
            }
            Source::Ids { ids, offsets, lengths } => {
                check_offsets(offsets, ids.len())?;
                let sequence = |pair: &[i64]| &ids[pair[0] as usize..pair[1] as usize];
                let numbers = |pair: &[i64]| sequence(pair).iter().map(|&id| vocabulary.inner(id)).collect();
                let sentences: Vec<Vec<u32>> = offsets.par_windows(2).map(numbers).collect();
                let total: usize = lengths.iter().sum();
                if total != sentences.len() {
                    let found = sentences.len();
                    let message = format!("the documents have {total} sequences, but there are {found}");
                    return Err(NgramError::InvalidArgument(message));
                }
                Ok(Self { sentences, offsets: ends(lengths.iter().copied()) })
            }
        }
    }

    fn each(&self) -> Vec<&[Vec<u32>]> {
        self.offsets.windows(2).map(|pair| &self.sentences[pair[0]..pair[1]]).collect()
    }
}

/// The sums of the first lengths, from none on.
fn ends(lengths: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut ends = vec![0];
    ends.extend(lengths.scan(0, |sum, length| {
        *sum += length;
        Some(*sum)
    }));
    ends
}

/// The probability of a word under the model, and under the cache if it is not empty.
type Pair = (f64, Option<f64>);

impl Cache {
    /// `weight` (0 to below 1) of the cache, `size` of its window in tokens, and after how many tokens one counts half.
    pub fn new(weight: f64, size: usize, half_life: Option<f64>) -> Result<Self> {
        let complain = |message: String| Err(NgramError::InvalidArgument(message));
        if !(0.0..1.0).contains(&weight) {
            return complain(format!("weight is {weight}, but must be at least 0 and below 1"));
        }
        if size == 0 || size > MAX_SIZE {
            return complain(format!("size is {size}, but must be 1 to {MAX_SIZE}"));
        }
        if let Some(half_life) = half_life.filter(|&half_life| half_life.is_nan() || half_life <= 0.0) {
            return complain(format!("half_life is {half_life}, but must be positive"));
        }
        let power = |age: usize| half_life.map_or(1.0, |half_life| (-(age as f64) / half_life).exp2());
        let powers: Vec<f64> = (0..=size).map(power).collect();
        let mut sums = vec![0.0];
        sums.extend(powers[..size].iter().scan(0.0, |sum, power| {
            *sum += power;
            Some(*sum)
        }));
        Ok(Self { weight, powers, sums })
    }

    /// The summed scores of each document.
    pub fn totals(
        &self,
        model: &Model,
        documents: &Documents,
        ends: Ends,
        cancel: &Cancel,
    ) -> std::result::Result<Vec<Total>, Cancelled> {
        let unknown = model.vocabulary().inner_unk();
        let total = |document: &&[Vec<u32>]| {
            let mut total = Total::default();
            self.walk(model, document, ends, cancel, |word, pair| {
                let log10 = self.mixed(pair).log10();
                total.log10 += log10;
                total.tokens += 1;
                if word == unknown {
                    total.log10_unknown += log10;
                    total.unknown += 1;
                }
            })?;
            Ok(total)
        };
        documents.each().par_iter().map(total).collect()
    }

    /// The weight under which `documents` are most likely, by expectation maximization; words without any before them in
    /// their document do not matter for it.
    pub fn best_weight(
        &self,
        model: &Model,
        documents: &Documents,
        ends: Ends,
        cancel: &Cancel,
    ) -> Result<f64> {
        let pairs = |document: &&[Vec<u32>]| -> Result<Vec<f64>> {
            let mut pairs = Vec::new();
            self.walk(model, document, ends, cancel, |_, (model, cache)| {
                pairs.extend(cache.iter().flat_map(|&cache| [model, cache]));
            })?;
            Ok(pairs)
        };
        let pairs = documents.each().par_iter().map(pairs).collect::<Result<Vec<_>>>()?.concat();
        if pairs.is_empty() {
            let message = "the held-out text has no document of two words".to_owned();
            return Err(NgramError::InvalidArgument(message));
        }
        Ok(maximize(&pairs, 2, cancel)?[1])
    }

    /// Natural logarithms of the probabilities of every word, by the users' numbers, after the unfinished last sentence of
    /// a document.
    pub fn next_logprobs(&self, model: &Model, documents: &Documents, ends: Ends) -> Vec<f32> {
        let mut memory = Memory::default();
        let (last, complete) = documents.sentences.split_last().map_or((&[][..], &[][..]), |(l, c)| (l, c));
        let markers = model.vocabulary().inner_markers();
        for sentence in complete {
            let marked = sentence.iter().copied().chain(ends.end.then_some(markers.end));
            marked.for_each(|word| memory.push(self, word));
        }
        for &word in last {
            memory.push(self, word);
        }
        let start = if ends.begin { model.begin_state() } else { model.null_state() };
        let mut logprobs =
            model.next_logprobs(last.iter().fold(start, |state, &word| model.step(state, word).1));
        if memory.is_empty() {
            return logprobs;
        }
        for (number, logprob) in (0..).zip(&mut logprobs) {
            if logprob.is_finite() {
                let word = model.vocabulary().inner(number);
                let pair = (f64::from(*logprob).exp(), memory.probability(self, word));
                *logprob = self.mixed(pair).ln() as f32;
            }
        }
        logprobs
    }

    fn mixed(&self, (model, cache): Pair) -> f64 {
        cache.map_or(model, |cache| (1.0 - self.weight) * model + self.weight * cache)
    }

    /// Go through a document; `each` gets every token that is scored, with its probabilities.
    fn walk(
        &self,
        model: &Model,
        document: &[Vec<u32>],
        ends: Ends,
        cancel: &Cancel,
        mut each: impl FnMut(u32, Pair),
    ) -> std::result::Result<(), Cancelled> {
        let mut memory = Memory::default();
        let last = ends.end.then(|| model.vocabulary().inner_markers().end);
        for sentence in document {
            let mut state = if ends.begin { model.begin_state() } else { model.null_state() };
            for (count, word) in sentence.iter().copied().chain(last).enumerate() {
                if count.is_multiple_of(POLL) {
                    cancel.check()?;
                }
                let (score, next) = model.step(state, word);
                each(word, (pow10(f64::from(score.log10)), memory.probability(self, word)));
                memory.push(self, word);
                state = next;
            }
        }
        Ok(())
    }
}

/// Tokens of a sentence between two looks at the cancel flag.
const POLL: usize = 4096;
/// Larger windows than this are mistakes.
const MAX_SIZE: usize = 1 << 24;

/// The tokens of the window.
#[derive(Default)]
struct Memory {
    recent: VecDeque<u32>,
    words: HashMap<u32, Entry>,
    /// How many tokens have been remembered.
    time: usize,
}

/// A word of the window.
struct Entry {
    occurrences: usize,
    /// What its occurrences counted together at `time`.
    value: f64,
    time: usize,
}

impl Entry {
    fn at(&self, cache: &Cache, time: usize) -> f64 {
        self.value * cache.powers.get(time - self.time).copied().unwrap_or(0.0)
    }
}

impl Memory {
    fn is_empty(&self) -> bool {
        self.recent.is_empty()
    }

    fn probability(&self, cache: &Cache, word: u32) -> Option<f64> {
        let sum = cache.sums.get(self.recent.len()).filter(|&&sum| sum > 0.0)?;
        Some(self.words.get(&word).map_or(0.0, |entry| entry.at(cache, self.time)) / sum)
    }

    fn push(&mut self, cache: &Cache, word: u32) {
        self.time += 1;
        let size = cache.powers.len() - 1;
        if self.recent.len() == size
            && let Some(oldest) = self.recent.pop_front()
            && let Some(entry) = self.words.get_mut(&oldest)
        {
            entry.value = (entry.at(cache, self.time) - cache.powers[size]).max(0.0);
            (entry.time, entry.occurrences) = (self.time, entry.occurrences - 1);
            if entry.occurrences == 0 {
                self.words.remove(&oldest);
            }
        }
        let entry = self.words.entry(word).or_insert(Entry { occurrences: 0, value: 0.0, time: self.time });
        entry.value = entry.at(cache, self.time) + 1.0;
        (entry.time, entry.occurrences) = (self.time, entry.occurrences + 1);
        self.recent.push_back(word);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_memory_is_that_of_a_walk_over_the_window(
            words in prop::collection::vec(0u32..4, 0..60),
            size in 1usize..20,
            half_life in prop::option::of(0.5f64..30.0),
        ) {
            let cache = Cache::new(0.5, size, half_life).unwrap();
            let mut memory = Memory::default();
            for (count, &word) in words.iter().enumerate() {
                let window = &words[count.saturating_sub(size)..count];
                let weight = |age: usize| half_life.map_or(1.0, |half_life| 0.5f64.powf(age as f64 / half_life));
                let ages = window.iter().rev().enumerate();
                let sum: f64 = (0..window.len()).map(weight).sum();
                let own: f64 = ages.filter(|&(_, &other)| other == word).map(|(age, _)| weight(age)).sum();
                let expected = (!window.is_empty()).then_some(own / sum);
                let found = memory.probability(&cache, word);
                prop_assert_eq!(found.is_some(), expected.is_some());
                prop_assert!((found.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-12);
                memory.push(&cache, word);
            }
        }
    }

    #[test]
    fn impossible_caches_are_refused() {
        for (weight, size, half_life, name) in [
            (1.0, 5, None, "weight"),
            (f64::NAN, 5, None, "weight"),
            (0.1, 0, None, "size"),
            (0.1, 5, Some(0.0), "half_life"),
        ] {
            assert!(Cache::new(weight, size, half_life).unwrap_err().to_string().starts_with(name));
        }
    }
}
