//! How a model's n-grams lie in memory: what queries ask of them, whichever way it is.

use std::ops::Range;

use crate::model::Gram;

/// What every layout answers. Orders count from 1; an n-gram has a place in its order, that of a unigram is its word's
/// inner number.
pub(crate) trait Layout: Sync {
    /// A search for a continuation, whose memory has been asked for.
    type Search: Copy;

    fn order(&self) -> usize;

    /// The number of n-grams of order `k`.
    fn len(&self, k: usize) -> usize;

    fn word(&self, k: usize, place: usize) -> u32;

    fn log10(&self, k: usize, place: usize) -> f32;

    /// log10 of the weight of the lower order where the n-gram `place` of order `k`, below the top, has no continuation.
    fn backoff(&self, k: usize, place: u32) -> f32;

    /// The place, one order below, of the n-gram `place` of order `k`, below the top, without its first word; 0 for
    /// unigrams.
    fn suffix(&self, k: usize, place: u32) -> u32;

    /// Whether the n-gram `place` of order `k`, below the top, has continuations, or a weight.
    fn is_context(&self, k: usize, place: u32) -> bool;

    /// The suffix of an n-gram of the top order, if the layout keeps it.
    fn link(&self, place: usize) -> Option<u32>;

    /// The place, one order below, of the context of the n-gram `place` of order `k`, which is at least 2.
    fn parent(&self, k: usize, place: u32) -> u32;

    /// Ask for the memory of a unigram.
    fn prefetch_unigram(&self, word: u32);

    /// Ask for the memory that [`Layout::ask`], [`Layout::backoff`] and [`Layout::suffix`] will need.
    fn prefetch_context(&self, k: usize, place: u32);

    /// Begin to search for the continuation by `word` of the n-gram `place` of order `k`; `bound` is the size of the
    /// vocabulary.
    fn ask(&self, k: usize, place: u32, word: u32, bound: u32) -> Self::Search;

    /// Go on with a search among those of order `k`, one access later.
    fn refine(&self, k: usize, search: &mut Self::Search, bound: u32);

    /// The end of a search: the place, in order `k + 1`, of the continuation.
    fn answer(&self, k: usize, search: Self::Search) -> Option<usize>;

    /// The whole search at once.
    #[inline(always)]
    fn find(&self, k: usize, place: u32, word: u32, bound: u32) -> Option<usize> {
        let mut search = self.ask(k, place, word, bound);
        self.refine(k, &mut search, bound);
        self.answer(k, search)
    }

    /// All continuations of the n-gram `place` of order `k`.
    fn continuations(&self, k: usize, place: u32, bound: u32) -> impl Iterator<Item = Gram>;
}

/// A layout where the n-grams of an order lie in the order of their contexts, the continuations of a context beside each
/// other and sorted by word.
pub(crate) trait Trie: Sync {
    fn order(&self) -> usize;
    fn len(&self, k: usize) -> usize;
    fn word(&self, k: usize, place: usize) -> u32;
    fn log10(&self, k: usize, place: usize) -> f32;
    fn backoff(&self, k: usize, place: u32) -> f32;
    fn suffix(&self, k: usize, place: u32) -> u32;
    fn link(&self, place: usize) -> Option<u32>;
    fn parent(&self, k: usize, place: u32) -> u32;

    /// Where, one order above, the continuations of the n-gram `place` of order `k` lie, which is below the top.
    fn children(&self, k: usize, place: u32) -> Range<usize>;

    /// Ask for the memory that [`Trie::children`] and [`Trie::backoff`] will need.
    fn prefetch_context(&self, k: usize, place: u32);

    /// Ask for the memory that [`Trie::word`] and [`Trie::log10`] will need.
    fn prefetch_gram(&self, k: usize, place: usize);

    /// The place of `word` among the n-grams `range` of order `k`, from a guess within the range.
    fn find_from(&self, k: usize, range: Range<usize>, word: u32, guess: usize) -> Option<usize>;

    fn gram(&self, k: usize, place: usize) -> Gram {
        Gram { word: self.word(k, place), log10: self.log10(k, place) }
    }
}

/// A search among the continuations of an n-gram of a [`Trie`].
#[derive(Clone, Copy)]
pub(crate) struct Interpolation {
    start: usize,
    length: usize,
    word: u32,
    guess: usize,
}

impl<T: Trie> Layout for T {
    type Search = Interpolation;

    fn order(&self) -> usize {
        Trie::order(self)
    }

    fn len(&self, k: usize) -> usize {
        Trie::len(self, k)
    }

    #[inline(always)]
    fn word(&self, k: usize, place: usize) -> u32 {
        Trie::word(self, k, place)
    }

    #[inline(always)]
    fn log10(&self, k: usize, place: usize) -> f32 {
        Trie::log10(self, k, place)
    }

    #[inline(always)]
    fn backoff(&self, k: usize, place: u32) -> f32 {
        Trie::backoff(self, k, place)
    }

    #[inline(always)]
    fn suffix(&self, k: usize, place: u32) -> u32 {
        Trie::suffix(self, k, place)
    }

    #[inline(always)]
    fn is_context(&self, k: usize, place: u32) -> bool {
        // Foreign models may give a weight to a context without continuations.
        !self.children(k, place).is_empty() || Trie::backoff(self, k, place) != 0.0
    }

    #[inline(always)]
    fn link(&self, place: usize) -> Option<u32> {
        Trie::link(self, place)
    }

    fn parent(&self, k: usize, place: u32) -> u32 {
        Trie::parent(self, k, place)
    }

    #[inline(always)]
    fn prefetch_unigram(&self, word: u32) {
        self.prefetch_gram(1, word as usize);
        if Trie::order(self) > 1 {
            Trie::prefetch_context(self, 1, word);
        }
    }

    #[inline(always)]
    fn prefetch_context(&self, k: usize, place: u32) {
        Trie::prefetch_context(self, k, place);
    }

    #[inline(always)]
    fn ask(&self, k: usize, place: u32, word: u32, bound: u32) -> Interpolation {
        let Range { start, end } = self.children(k, place);
        let length = end - start;
        let guess = guess(length, word, bound);
        self.prefetch_gram(k + 1, start + guess);
        Interpolation { start, length, word, guess }
    }

    /// Among many continuations, look at the guess for a better one.
    #[inline(always)]
    fn refine(&self, k: usize, search: &mut Interpolation, bound: u32) {
        let Interpolation { start, length, word, ref mut guess } = *search;
        if length > LONG {
            let error = f64::from(word) - f64::from(Trie::word(self, k + 1, start + *guess));
            let moved = *guess as isize + (error * length as f64 / f64::from(bound)) as isize;
            *guess = moved.clamp(0, length as isize - 1) as usize;
            self.prefetch_gram(k + 1, start + *guess);
        }
    }

    #[inline(always)]
    fn answer(&self, k: usize, search: Interpolation) -> Option<usize> {
        let Interpolation { start, length, word, guess } = search;
        self.find_from(k + 1, start..start + length, word, guess)
    }

    fn continuations(&self, k: usize, place: u32, _bound: u32) -> impl Iterator<Item = Gram> {
        self.children(k, place).map(move |place| self.gram(k + 1, place))
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
