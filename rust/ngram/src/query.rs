//! Scores of sentences, in batches too, and the distribution of the next word.

use ferrolm_base::{Cancel, Cancelled};
use rayon::prelude::*;

use crate::model::{Model, Score, State};
use crate::text;

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
const GROUP: usize = 64;

impl Model {
    /// Score inner numbers one after the other; `each` gets every number and its score.
    #[inline]
    fn walk(&self, words: impl Iterator<Item = u32>, ends: Ends, mut each: impl FnMut(u32, Score)) -> State {
        let mut state = if ends.begin { self.begin_state() } else { State::default() };
        let last = ends.end.then(|| self.vocabulary.inner_markers().end);
        for word in words.chain(last) {
            let (score, next) = self.step(state, word);
            each(word, score);
            state = next;
        }
        state
    }

    /// log10 of the probability of a sentence, summed in 32 bits as KenLM sums it.
    pub fn score(&self, sentence: &str, ends: Ends) -> f32 {
        let mut sum = 0.0;
        self.walk(text::split(sentence).map(|word| self.vocabulary.inner_of(word)), ends, |_, score| {
            sum += score.log10;
        });
        sum
    }

    /// The score of each word of a sentence, and whether it is unknown.
    pub fn full_scores(&self, sentence: &str, ends: Ends) -> Vec<(Score, bool)> {
        let mut scores = Vec::new();
        let unknown = self.vocabulary.inner_unk();
        let words = text::split(sentence).map(|word| self.vocabulary.inner_of(word));
        self.walk(words, ends, |word, score| scores.push((score, word == unknown)));
        scores
    }

    /// The sums for sentences of text.
    pub fn total(&self, sentences: &[&str], ends: Ends, cancel: &Cancel) -> Result<Total, Cancelled> {
        let one = |sentence: &&str| {
            self.total_of(text::split(sentence).map(|word| self.vocabulary.inner_of(word)), ends)
        };
        let totals = sentences.par_chunks(GROUP).map(|group| {
            cancel.check()?;
            Ok(group.iter().map(one).fold(Total::default(), |a, b| a + b))
        });
        Ok(totals.collect::<Result<Vec<_>, _>>()?.into_iter().fold(Total::default(), |a, b| a + b))
    }

    fn total_of(&self, words: impl Iterator<Item = u32>, ends: Ends) -> Total {
        let mut total = Total::default();
        let unknown = self.vocabulary.inner_unk();
        self.walk(words, ends, |word, score| {
            let log10 = f64::from(score.log10);
            total.log10 += log10;
            total.tokens += 1;
            if word == unknown {
                total.log10_unknown += log10;
                total.unknown += 1;
            }
        });
        total
    }

    /// The sums for each sequence of numbers `ids[offsets[i]..offsets[i + 1]]`, as the users number them.
    pub fn totals(
        &self,
        ids: &[u32],
        offsets: &[i64],
        ends: Ends,
        cancel: &Cancel,
    ) -> Result<Vec<Total>, Cancelled> {
        let one = |pair: &[i64]| {
            let sequence = &ids[pair[0] as usize..pair[1] as usize];
            self.total_of(sequence.iter().map(|&id| self.vocabulary.inner(id)), ends)
        };
        let groups: Vec<Vec<Total>> = offsets[..offsets.len() - 1]
            .par_chunks(GROUP)
            .enumerate()
            .map(|(group, starts)| {
                cancel.check()?;
                let first = group * GROUP;
                Ok((first..first + starts.len()).map(|i| one(&offsets[i..i + 2])).collect())
            })
            .collect::<Result<_, Cancelled>>()?;
        Ok(groups.concat())
    }

    /// log10 of each id of each sequence, in the place of the id; with `ends.end`, the end marker's follows its sequence.
    pub fn token_scores(
        &self,
        ids: &[u32],
        offsets: &[i64],
        ends: Ends,
        cancel: &Cancel,
    ) -> Result<Vec<f32>, Cancelled> {
        let sequences: Vec<&[u32]> =
            offsets.windows(2).map(|pair| &ids[pair[0] as usize..pair[1] as usize]).collect();
        let groups: Vec<Vec<f32>> = sequences
            .par_chunks(GROUP)
            .map(|group| {
                cancel.check()?;
                let mut scores = Vec::with_capacity(group.iter().map(|sequence| sequence.len() + 1).sum());
                for sequence in group {
                    let words = sequence.iter().map(|&id| self.vocabulary.inner(id));
                    self.walk(words, ends, |_, score| scores.push(score.log10));
                }
                Ok(scores)
            })
            .collect::<Result<_, Cancelled>>()?;
        Ok(groups.concat())
    }

    /// Natural logarithms of the probabilities of every word after `state`, by the users' numbers, in one pass: each
    /// order from the lowest overwrites the words it knows. `<s>` and pruned words cannot follow: minus infinity.
    pub fn next_logprobs(&self, state: State) -> Vec<f32> {
        let mut path = Vec::with_capacity(state.len());
        let State { order: mut k, mut index } = state;
        while k > 0 {
            path.push((k as usize, index as usize));
            (k, index) = (k - 1, self.nodes[k as usize - 1][index as usize].suffix);
        }
        let mut weights: Vec<f32> = path.iter().map(|&(k, index)| self.nodes[k - 1][index].backoff).collect();
        // After this, the weight of what a context does not know: its own and those of all longer contexts.
        (1..weights.len()).for_each(|i| weights[i] += weights[i - 1]);
        let base = weights.last().copied().unwrap_or(0.0);
        let mut log10: Vec<f32> = self.grams[0].iter().map(|gram| gram.log10 + base).collect();
        for (i, &(k, index)) in path.iter().enumerate().rev() {
            let nodes = &self.nodes[k - 1];
            let children = nodes[index].children as usize..nodes[index + 1].children as usize;
            let weight = if i == 0 { 0.0 } else { weights[i - 1] };
            for gram in &self.grams[k][children] {
                log10[gram.word as usize] = gram.log10 + weight;
            }
        }
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
