//! Add-k smoothing: p(w | h) = (c(h w) + k) / (c(h) + k V) for the whole context `h` of `order - 1` words; Lidstone's law,
//! Laplace's for k = 1.
//!
//! As a back-off model this is exact: below the highest order all words have 1 / V, and a context leaves the weight
//! k V / (c(h) + k V) to them. `V` is the number of words that can follow: all but `<s>`. Before the first words of a
//! sentence the context is shorter, as if it were filled up with `<s>`: n-grams that begin with `<s>` are
//! treated as the highest order is. A context that never occurs gives all words 1 / V, as the formula says; so does one
//! that is too short and does not begin a sentence.

use std::borrow::Cow;

use crate::levels::{self, Level};
use crate::smoothing::{Method, Seen, Weights, occurrences};
use crate::unsafe_memory::zeroed;

pub(crate) struct AddK {
    pub k: f64,
}

impl Method for AddK {
    fn counts<'a>(&self, levels: &'a [Level], begin: usize, k: usize) -> Cow<'a, [u32]> {
        if k + 1 == levels.len() {
            return occurrences(levels, begin, k);
        }
        let mut counts: Vec<u32> = zeroed(levels[k].len());
        if k > 0 {
            let range = levels::beginning_with(levels, begin, k);
            counts[range.clone()].copy_from_slice(&levels[k].counts[range]);
        }
        Cow::Owned(counts)
    }

    fn weights(&self, seen: &Seen, _discounts: &[f64; 3], words: f64) -> Weights {
        let added = self.k * words;
        Weights::of(seen.total as f64 + added, added + seen.pruned as f64)
    }
}
