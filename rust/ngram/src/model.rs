//! The language model: all n-grams with their probabilities, linked so that a score needs few memory accesses.
//!
//! A [`State`] names the longest context that matters. Its continuations lie beside each other, sorted by word, and are
//! searched by interpolation. A hit gives the probability and the next state; a miss adds the back-off weight
//! and follows the link to the context without its first word.

use std::ops::Range;

use crate::unsafe_array::Array;
use crate::vocabulary::Vocabulary;

/// An n-gram: its last word (as an inner number of the vocabulary) and its log10 probability.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct Gram {
    pub word: u32,
    pub log10: f32,
}

/// What else is known of an n-gram below the top order, as a context.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct Node {
    /// log10 of the weight of the lower order where this context has no continuation.
    pub backoff: f32,
    /// The place, one order below, of the n-gram without its first word.
    pub suffix: u32,
    /// Where its continuations begin one order above; they end where those of the next node begin.
    pub children: u32,
}

/// An n-gram language model.
pub struct Model {
    pub(crate) vocabulary: Vocabulary,
    /// By order from 1 on; unigrams lie at their inner number.
    pub(crate) grams: Vec<Array<Gram>>,
    /// By order from 1 to the one below the top; one more for the end.
    pub(crate) nodes: Vec<Array<Node>>,
    /// The suffix of each n-gram of the top order.
    pub(crate) links: Array<u32>,
}

/// The longest context that can matter for the next word: an n-gram's order (0: none) and its place in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct State {
    pub(crate) order: u32,
    pub(crate) index: u32,
}

/// The score of one word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// log10 of the probability given the context.
    pub log10: f32,
    /// Order of the longest n-gram found.
    pub length: u32,
}

impl State {
    /// How many words the state remembers.
    pub fn len(self) -> usize {
        self.order as usize
    }

    pub fn is_empty(self) -> bool {
        self.order == 0
    }
}

impl Model {
    pub(crate) fn new(
        vocabulary: Vocabulary,
        grams: Vec<Vec<Gram>>,
        nodes: Vec<Vec<Node>>,
        links: Vec<u32>,
    ) -> Self {
        Self {
            vocabulary,
            grams: grams.into_iter().map(Array::from).collect(),
            nodes: nodes.into_iter().map(Array::from).collect(),
            links: links.into(),
        }
    }

    pub fn order(&self) -> usize {
        self.grams.len()
    }

    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The number of n-grams of each order; pruned words are not counted.
    pub fn counts(&self) -> Vec<usize> {
        let pruned = (0..self.vocabulary.size()).filter(|&number| !self.vocabulary.is_kept(number)).count();
        self.grams
            .iter()
            .enumerate()
            .map(|(k, grams)| grams.len() - if k == 0 { pruned } else { 0 })
            .collect()
    }

    /// The state that knows no word.
    pub fn null_state(&self) -> State {
        State::default()
    }

    /// The state at the beginning of a sentence.
    pub fn begin_state(&self) -> State {
        self.settle(1, self.vocabulary.inner_markers().begin)
    }

    /// Score `word`, an inner number, after `state`.
    #[inline]
    pub fn step(&self, state: State, word: u32) -> (Score, State) {
        let State { order: mut k, mut index } = state;
        let mut backoff = 0.0;
        while k > 0 {
            let nodes = &self.nodes[k as usize - 1];
            let node = nodes[index as usize];
            let end = nodes[index as usize + 1].children;
            if let Some(found) = self.find(k as usize, node.children as usize..end as usize, word) {
                let log10 = self.grams[k as usize][found].log10 + backoff;
                return (Score { log10, length: k + 1 }, self.settle(k + 1, found as u32));
            }
            backoff += node.backoff;
            (k, index) = (k - 1, node.suffix);
        }
        let log10 = self.grams[0][word as usize].log10 + backoff;
        (Score { log10, length: 1 }, self.settle(1, word))
    }

    /// The state after the n-gram `index` of order `k`: the longest of its suffixes that is a context.
    #[inline]
    fn settle(&self, mut k: u32, mut index: u32) -> State {
        if k as usize == self.order() {
            index = self.links.get(index as usize).copied().unwrap_or(0);
            k -= 1;
        }
        while k > 0 {
            let nodes = &self.nodes[k as usize - 1];
            let node = nodes[index as usize];
            // Foreign models may give a weight to a context without continuations.
            if node.children < nodes[index as usize + 1].children || node.backoff != 0.0 {
                return State { order: k, index };
            }
            (k, index) = (k - 1, node.suffix);
        }
        State::default()
    }

    /// The place of `word` among the n-grams `range` of order `level + 1`, which are sorted by word.
    #[inline]
    pub(crate) fn find(&self, level: usize, range: Range<usize>, word: u32) -> Option<usize> {
        let grams = &self.grams[level][range.clone()];
        search(grams, word, self.vocabulary.size()).map(|place| range.start + place)
    }

    /// The state after a context, given in the users' numbers, that begins a sentence or not.
    pub fn context(&self, numbers: &[u32], begin: bool) -> State {
        let state = if begin { self.begin_state() } else { State::default() };
        // Words further back than the model's order cannot matter.
        let far = numbers.len().saturating_sub(self.order());
        let state = if far > 0 { State::default() } else { state };
        let inner = numbers[far..].iter().map(|&number| self.vocabulary.inner(number));
        inner.fold(state, |state, word| self.step(state, word).1)
    }

    /// The words of a state, as inner numbers, the oldest first.
    pub fn state_words(&self, state: State) -> Vec<u32> {
        let mut words = Vec::with_capacity(state.len());
        let State { order: mut k, mut index } = state;
        while k > 0 {
            words.push(self.grams[k as usize - 1][index as usize].word);
            if k > 1 {
                index = self.parent(k as usize, index);
            }
            k -= 1;
        }
        words.reverse();
        words
    }

    /// The place, one order below, of the context of the n-gram `index` of order `k`, which is at least 2.
    pub(crate) fn parent(&self, k: usize, index: u32) -> u32 {
        (self.nodes[k - 2].partition_point(|node| node.children <= index) - 1) as u32
    }
}

/// Where `word` should be among `length` sorted words that are spread evenly over `0..bound`.
#[inline(always)]
pub(crate) fn guess(length: usize, word: u32, bound: u32) -> usize {
    (u64::from(word) * length as u64 / u64::from(bound)) as usize
}

/// Search by interpolation: the first guess is off by about the square root of the length.
#[inline]
pub(crate) fn search(grams: &[Gram], word: u32, bound: u32) -> Option<usize> {
    search_from(grams, word, guess(grams.len(), word, bound), bound)
}

/// Search from the guess `place`: in long lists a second guess from there leaves a short walk.
#[inline(always)]
pub(crate) fn search_from(grams: &[Gram], word: u32, place: usize, bound: u32) -> Option<usize> {
    let mut place = place;
    let mut seen = grams.get(place)?.word;
    if grams.len() > LONG {
        let error = (f64::from(word) - f64::from(seen)) * grams.len() as f64 / f64::from(bound);
        place = (place as isize + error as isize).clamp(0, grams.len() as isize - 1) as usize;
        seen = grams[place].word;
    }
    if seen < word {
        place += grams[place..].iter().position(|gram| gram.word >= word)?;
    } else if seen > word {
        place = grams[..place].iter().rposition(|gram| gram.word <= word)?;
    }
    (grams[place].word == word).then_some(place)
}

/// From this length on a second guess pays.
const LONG: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn search_finds_what_a_walk_finds(
            words in prop::collection::btree_set(0u32..5000, 0..400),
            wanted in prop::collection::vec(0u32..5000, 50),
        ) {
            let grams: Vec<Gram> = words.iter().map(|&word| Gram { word, log10: 0.0 }).collect();
            for word in wanted.into_iter().chain(words.iter().copied()) {
                prop_assert_eq!(search(&grams, word, 5000), grams.iter().position(|gram| gram.word == word));
            }
        }
    }
}
