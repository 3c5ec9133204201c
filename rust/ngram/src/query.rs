//! Scores of sentences, in batches too, and the distribution of the next word.

use std::ops::Range;

use ferrolm_base::cancel::NEVER;
use ferrolm_base::{Cancel, Cancelled};
use rayon::prelude::*;

use crate::layout::Layout;
use crate::model::{Model, Score, State, on_layout};
use crate::text;
use crate::view::View;
use crate::waves;

/// Which sentence markers a score includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Start after `<s>`; otherwise with an empty context.
    pub begin: bool,
    /// Predict `</s>` at the end.
    pub end: bool,
}

/// What a text's scores sum up to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Total {
    /// Sum of log10 probabilities, of all words and of the unknown ones.
    pub log10: f64,
    pub log10_unknown: f64,
    /// Words with end markers, and how many of them are unknown.
    pub tokens: u64,
    pub unknown: u64,
}

impl std::ops::Add for Total {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            log10: self.log10 + other.log10,
            log10_unknown: self.log10_unknown + other.log10_unknown,
            tokens: self.tokens + other.tokens,
            unknown: self.unknown + other.unknown,
        }
    }
}

/// Sentences that one worker scores between two looks at the cancel flag.
const GROUP: usize = 512;

fn ranges(offsets: &[i64]) -> Vec<Range<usize>> {
    offsets.windows(2).map(|pair| pair[0] as usize..pair[1] as usize).collect()
}

impl Model {
    /// log10 of the probability of a sentence, summed in 32 bits as KenLM sums it.
    pub fn score(&self, sentence: &str, ends: Ends) -> f32 {
        let mut sum = 0.0;
        self.each_score(sentence, ends, |_, score| sum += score.log10);
        sum
    }

    /// The score of each word of a sentence, and whether it is unknown.
    pub fn full_scores(&self, sentence: &str, ends: Ends) -> Vec<(Score, bool)> {
        let mut scores = Vec::new();
        let unknown = self.vocabulary.inner_unk();
        self.each_score(sentence, ends, |word, score| scores.push((score, word == unknown)));
        scores
    }

    /// Call `each` with every word of a sentence, as an inner number, and its score.
    fn each_score(&self, sentence: &str, ends: Ends, mut each: impl FnMut(u32, Score)) {
        let words: Vec<&str> = text::split(sentence).collect();
        let words = self.vocabulary.inner_of_all(&words);
        let each = |_, _, word, score| each(word, score);
        // A sentence is short: nothing to cancel.
        let sequence = 0..words.len();
        let _ = on_layout!(self, view => waves::run(view, std::slice::from_ref(&sequence), |at| words[at], ends, &NEVER, each));
    }

    /// The sums for sentences of text.
    pub fn total(&self, sentences: &[&str], ends: Ends, cancel: &Cancel) -> Result<Total, Cancelled> {
        let groups = sentences.par_chunks(GROUP).map(|group| {
            cancel.check()?;
            let (mut words, mut ranges) = (Vec::new(), Vec::with_capacity(group.len()));
            for sentence in group {
                let start = words.len();
                words.extend(text::split(sentence));
                ranges.push(start..words.len());
            }
            let words = self.vocabulary.inner_of_all(&words);
            self.group_totals(&ranges, |position| words[position], ends, cancel)
        });
        let totals = groups.collect::<Result<Vec<_>, _>>()?;
        Ok(totals.into_iter().flatten().fold(Total::default(), |a, b| a + b))
    }

    /// The sums for each sequence of numbers `ids[offsets[i]..offsets[i + 1]]`, as the users number them.
    pub fn totals(
        &self,
        ids: &[u32],
        offsets: &[i64],
        ends: Ends,
        cancel: &Cancel,
    ) -> Result<Vec<Total>, Cancelled> {
        let ranges = ranges(offsets);
        let groups = ranges.par_chunks(GROUP).map(|group| {
            cancel.check()?;
            self.group_totals(group, |position| self.vocabulary.inner(ids[position]), ends, cancel)
        });
        Ok(groups.collect::<Result<Vec<_>, _>>()?.concat())
    }

    pub(crate) fn group_totals(
        &self,
        group: &[Range<usize>],
        word_at: impl Fn(usize) -> u32,
        ends: Ends,
        cancel: &Cancel,
    ) -> Result<Vec<Total>, Cancelled> {
        let mut totals = vec![Total::default(); group.len()];
        let unknown = self.vocabulary.inner_unk();
        let each = |sequence: usize, _, word, score: Score| {
            let (total, log10) = (&mut totals[sequence], f64::from(score.log10));
            total.log10 += log10;
            total.tokens += 1;
            if word == unknown {
                total.log10_unknown += log10;
                total.unknown += 1;
            }
        };
        on_layout!(self, view => waves::run(view, group, word_at, ends, cancel, each))?;
        Ok(totals)
    }

    /// log10 of each id of each sequence, in the place of the id; with `ends.end`, the end marker's follows its sequence.
    pub fn token_scores(
        &self,
        ids: &[u32],
        offsets: &[i64],
        ends: Ends,
        cancel: &Cancel,
    ) -> Result<Vec<f32>, Cancelled> {
        let ranges = ranges(offsets);
        let groups = ranges.par_chunks(GROUP).map(|group| {
            cancel.check()?;
            let lengths = group.iter().map(|range| range.len() + usize::from(ends.end));
            let starts: Vec<usize> =
                lengths.scan(0, |sum, length| Some(std::mem::replace(sum, *sum + length))).collect();
            let last = group.last().map_or(0, |range| range.len() + usize::from(ends.end));
            let mut scores = vec![0.0; starts.last().map_or(0, |start| start + last)];
            let word_at = |position: usize| self.vocabulary.inner(ids[position]);
            let each =
                |sequence: usize, place, _, score: Score| scores[starts[sequence] + place] = score.log10;
            on_layout!(self, view => waves::run(view, group, word_at, ends, cancel, each))?;
            Ok(scores)
        });
        Ok(groups.collect::<Result<Vec<_>, Cancelled>>()?.concat())
    }

    /// Natural logarithms of the probabilities of every word after `state`, by the users' numbers, in one pass: each
    /// order from the lowest overwrites the words it knows. `<s>` and pruned words cannot follow: minus infinity.
    pub fn next_logprobs(&self, state: State) -> Vec<f32> {
        let mut log10 = on_layout!(self, view => view.next_log10(state));
        log10[self.vocabulary.inner_markers().begin as usize] = f32::NEG_INFINITY;
        let mut logprobs = vec![f32::NEG_INFINITY; log10.len()];
        for (number, slot) in (0..).zip(&mut logprobs) {
            if self.vocabulary.is_kept(number) {
                *slot = log10[self.vocabulary.inner(number) as usize] * std::f32::consts::LN_10;
            }
        }
        logprobs
    }
}

impl<L: Layout> View<'_, L> {
    /// log10 of the probabilities of every word after `state`, by their inner numbers.
    fn next_log10(self, State { order: mut k, mut index }: State) -> Vec<f32> {
        let mut path = Vec::with_capacity(k as usize);
        while k > 0 {
            path.push((k as usize, index));
            (k, index) = (k - 1, self.levels.suffix(k as usize, index));
        }
        // After this, the weight of what a context does not know: its own and those of all longer contexts.
        let weights: Vec<f32> = path
            .iter()
            .scan(0.0, |sum, &(k, index)| {
                *sum += self.levels.backoff(k, index);
                Some(*sum)
            })
            .collect();
        let base = weights.last().copied().unwrap_or(0.0);
        let mut log10: Vec<f32> =
            (0..self.levels.len(1)).map(|word| self.levels.log10(1, word) + base).collect();
        for (i, (k, index)) in path.into_iter().enumerate().rev() {
            let weight = if i == 0 { 0.0 } else { weights[i - 1] };
            for gram in self.levels.continuations(k, index, self.vocabulary.size()) {
                log10[gram.word as usize] = gram.log10 + weight;
            }
        }
        log10
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::options::Options;
    use crate::train::from_ids;

    proptest! {
        #[test]
        fn batches_score_as_single_steps_do(
            train in prop::collection::vec(prop::collection::vec(0u32..9, 0..12), 1..30),
            test in prop::collection::vec(prop::collection::vec(0u32..12, 0..12), 0..40),
            (order, prune) in (1usize..6, 0u32..2),
            (begin, end) in any::<(bool, bool)>(),
        ) {
            let flat = |sequences: &[Vec<u32>]| {
                let mut offsets = vec![0i64];
                offsets.extend(sequences.iter().scan(0, |sum, s| { *sum += s.len() as i64; Some(*sum) }));
                (sequences.concat(), offsets)
            };
            let (ids, offsets) = flat(&train);
            let options = Options { order, prune: vec![0, prune][..order.min(2)].to_vec(), ..Options::default() };
            let (model, _) = from_ids(&ids, &offsets, 9, &options, &NEVER).unwrap();
            let (ids, offsets) = flat(&test);
            let ends = Ends { begin, end };
            let mut scores = Vec::new();
            for sequence in &test {
                let mut state = if begin { model.begin_state() } else { model.null_state() };
                let end = end.then(|| model.vocabulary().inner_markers().end);
                for word in sequence.iter().map(|&id| model.vocabulary().inner(id)).chain(end) {
                    let (score, next) = model.step(state, word);
                    scores.push(score.log10);
                    state = next;
                }
            }
            prop_assert_eq!(model.token_scores(&ids, &offsets, ends, &NEVER).unwrap(), scores.clone());
            let totals = model.totals(&ids, &offsets, ends, &NEVER).unwrap();
            let sum: f64 = totals.iter().map(|total| total.log10).sum();
            prop_assert!((sum - scores.iter().map(|&s| f64::from(s)).sum::<f64>()).abs() < 1e-3);
            prop_assert_eq!(totals.iter().map(|total| total.tokens).sum::<u64>(), scores.len() as u64);
        }
    }
}
