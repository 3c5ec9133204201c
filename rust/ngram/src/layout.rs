//! How a model's n-grams lie in memory: what queries ask of them, whichever way it is.
//!
//! The n-grams of an order lie in the order of their contexts, the continuations of a context beside each other and sorted
//! by word. Orders count from 1; unigrams lie at their inner number.

use std::ops::Range;

use crate::model::Gram;

/// What is known of an n-gram below the top order, as a context.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Context {
    /// log10 of the weight of the lower order where this context has no continuation.
    pub backoff: f32,
    /// The place, one order below, of the n-gram without its first word; 0 for unigrams.
    pub suffix: u32,
    /// Where its continuations begin and end, one order above.
    pub start: usize,
    pub end: usize,
}

impl Context {
    #[inline(always)]
    pub fn children(self) -> Range<usize> {
        self.start..self.end
    }
}

pub(crate) trait Layout: Sync {
    fn order(&self) -> usize;

    /// The number of n-grams of order `k`.
    fn len(&self, k: usize) -> usize;

    fn word(&self, k: usize, place: usize) -> u32;

    fn log10(&self, k: usize, place: usize) -> f32;

    /// The n-gram at `place` of order `k`, below the top, as a context.
    fn context(&self, k: usize, place: u32) -> Context;

    /// The suffix of an n-gram of the top order, if the layout keeps it.
    fn link(&self, place: usize) -> Option<u32>;

    /// The place, one order below, of the context of the n-gram `place` of order `k`, which is at least 2.
    fn parent(&self, k: usize, place: u32) -> u32;

    /// Ask for the memory that [`Layout::context`] will need.
    fn prefetch_context(&self, k: usize, place: u32);

    /// Ask for the memory that [`Layout::word`] and [`Layout::log10`] will need.
    fn prefetch_gram(&self, k: usize, place: usize);

    fn gram(&self, k: usize, place: usize) -> Gram {
        Gram { word: self.word(k, place), log10: self.log10(k, place) }
    }

    /// The place of `word` among the n-grams `range` of order `k`; `bound` is the size of the vocabulary.
    #[inline(always)]
    fn find(&self, k: usize, range: Range<usize>, word: u32, bound: u32) -> Option<usize> {
        let first = guess(range.len(), word, bound);
        let place = if range.len() > LONG { self.refine(k, &range, word, first, bound) } else { first };
        self.find_from(k, range, word, place)
    }

    /// A better guess than `place`, which is looked at, of where in `range` the word is.
    #[inline(always)]
    fn refine(&self, k: usize, range: &Range<usize>, word: u32, place: usize, bound: u32) -> usize {
        let error = f64::from(word) - f64::from(self.word(k, range.start + place));
        let moved = place as isize + (error * range.len() as f64 / f64::from(bound)) as isize;
        moved.clamp(0, range.len() as isize - 1) as usize
    }

    /// The same as [`Layout::find`], from a guess of the place within the range.
    #[inline(always)]
    fn find_from(&self, k: usize, range: Range<usize>, word: u32, guess: usize) -> Option<usize> {
        let start = range.start;
        Some(start + search(|place| self.word(k, start + place), range.len(), word, guess)?)
    }
}

/// From this length on a second guess pays.
pub(crate) const LONG: usize = 64;

/// Where `word` should be among `length` sorted words that are spread evenly over `0..bound`: off by about the square root
/// of the length.
#[inline(always)]
pub(crate) fn guess(length: usize, word: u32, bound: u32) -> usize {
    (u64::from(word) * length as u64 / u64::from(bound)) as usize
}

/// Search for `word` among `length` sorted words, step by step from the guess `place`.
#[inline(always)]
pub(crate) fn search(
    word_at: impl Fn(usize) -> u32,
    length: usize,
    word: u32,
    mut place: usize,
) -> Option<usize> {
    if place >= length {
        return None;
    }
    let mut seen = word_at(place);
    if seen < word {
        while seen < word {
            place += 1;
            if place == length {
                return None;
            }
            seen = word_at(place);
        }
    } else {
        while seen > word {
            place = place.checked_sub(1)?;
            seen = word_at(place);
        }
    }
    (seen == word).then_some(place)
}

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
            let words: Vec<u32> = words.into_iter().collect();
            for word in wanted.into_iter().chain(words.iter().copied()) {
                let first = guess(words.len(), word, 5000);
                let found = search(|place| words[place], words.len(), word, first);
                prop_assert_eq!(found, words.iter().position(|&other| other == word));
            }
        }
    }
}
