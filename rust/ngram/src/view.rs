//! One word after another: the states of a model, whatever its layout.
//!
//! A [`State`] names the longest context that matters. If the word is among its continuations, that gives the probability
//! and the next state; if not, this adds the back-off weight and follows the link to the context without its first
//! word.

use std::borrow::Cow;

use ferrolm_base::Cancel;

use crate::arrays::Arrays;
use crate::error::Result;
use crate::layout::Layout;
use crate::model::{Model, Score, State};
use crate::vocabulary::Vocabulary;

/// A model whose layout is known to the compiler.
pub(crate) struct View<'a, L> {
    pub vocabulary: &'a Vocabulary,
    pub levels: &'a L,
}

/// The n-grams of several models in the plain layout, for [`views`].
pub(crate) fn all_arrays<'a>(models: &[&'a Model], cancel: &Cancel) -> Result<Vec<Cow<'a, Arrays>>> {
    models.iter().map(|model| model.arrays(cancel)).collect()
}

pub(crate) fn views<'a>(models: &[&'a Model], arrays: &'a [Cow<'_, Arrays>]) -> Vec<View<'a, Arrays>> {
    models
        .iter()
        .zip(arrays)
        .map(|(model, levels)| View { vocabulary: model.vocabulary(), levels: &**levels })
        .collect()
}

// Derived, these would ask the same of `L`.
impl<L> Clone for View<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L> Copy for View<'_, L> {}

impl<L: Layout> View<'_, L> {
    /// The state at the beginning of a sentence.
    pub fn begin_state(self) -> State {
        self.settle(1, self.vocabulary.inner_markers().begin)
    }

    /// Score `word`, an inner number, after `state`.
    #[inline]
    pub fn step(self, state: State, word: u32) -> (Score, State) {
        let State { order: mut k, mut index } = state;
        let mut backoff = 0.0;
        while k > 0 {
            let below = k as usize;
            let found = self.levels.find(below, index, word, self.vocabulary.size());
            let suffix = self.levels.suffix(below, index);
            if let Some(found) = found {
                let log10 = self.levels.log10(below + 1, found) + backoff;
                return (Score { log10, length: k + 1 }, self.after(k + 1, found as u32, suffix, word));
            }
            backoff += self.levels.backoff(below, index);
            (k, index) = (k - 1, suffix);
        }
        let log10 = self.levels.log10(1, word as usize) + backoff;
        (Score { log10, length: 1 }, self.settle(1, word))
    }

    /// The state after the n-gram `index` of order `k` that ends with `word`; its context has the suffix `suffix`.
    #[inline]
    fn after(self, k: u32, index: u32, suffix: u32, word: u32) -> State {
        if (k as usize) < self.levels.order() {
            return self.settle(k, index);
        }
        let link = self.levels.link(index as usize);
        self.settle(k - 1, link.unwrap_or_else(|| self.below(k, suffix, word)))
    }

    /// The suffix of an n-gram of order `k`: the continuation by `word` of its context's suffix.
    #[inline]
    pub fn below(self, k: u32, suffix: u32, word: u32) -> u32 {
        if k == 2 {
            return word;
        }
        let found = self.levels.find(k as usize - 2, suffix, word, self.vocabulary.size());
        // All n-grams of a sound model have it.
        found.unwrap_or(0) as u32
    }

    /// The longest suffix of the n-gram `index` of order `k`, below the top, that is a context.
    #[inline]
    fn settle(self, mut k: u32, mut index: u32) -> State {
        if k as usize == self.levels.order() {
            return State::default();
        }
        while k > 0 {
            if self.levels.is_context(k as usize, index) {
                return State { order: k, index };
            }
            (k, index) = (k - 1, self.levels.suffix(k as usize, index));
        }
        State::default()
    }

    /// The state after a context, given in the users' numbers, that begins a sentence or not.
    pub fn context(self, numbers: &[u32], begin: bool) -> State {
        let state = if begin { self.begin_state() } else { State::default() };
        // Words further back than the model's order cannot matter.
        let far = numbers.len().saturating_sub(self.levels.order());
        let state = if far > 0 { State::default() } else { state };
        let inner = numbers[far..].iter().map(|&number| self.vocabulary.inner(number));
        inner.fold(state, |state, word| self.step(state, word).1)
    }

    /// The words of a state, as inner numbers, the oldest first.
    pub fn state_words(self, state: State) -> Vec<u32> {
        let mut words = Vec::with_capacity(state.len());
        let State { order: mut k, mut index } = state;
        while k > 0 {
            words.push(self.levels.word(k as usize, index as usize));
            if k > 1 {
                index = self.levels.parent(k as usize, index);
            }
            k -= 1;
        }
        words.reverse();
        words
    }
}
