//! Add-k smoothing: p(w | h) = (c(h w) + k) / (c(h) + k V) for the whole context `h` of `order - 1` words; Lidstone's law,
//! Laplace's for k = 1.
//!
//! As a back-off model this is exact: below the highest order all words have 1 / V, and a context leaves the weight
//! k V / (c(h) + k V) to them. `V` is the number of words that can follow: all but `<s>`. Before the first words of a
//! sentence the context is shorter, as if it were filled up with `<s>`: n-grams that begin with `<s>` are
//! treated as the highest order is. A context that never occurs gives all words 1 / V, as the formula says; so does one
//! that is too short and does not begin a sentence.

use crate::smoothing::{CountKind, Method, Seen, Weights};

pub(crate) struct AddK {
    pub k: f64,
}

impl Method for AddK {
    fn counts(&self) -> CountKind {
        CountKind::Beginnings
    }

    fn weights(&self, seen: &Seen, _discounts: &[f64; 3], words: f64) -> Weights {
        let added = self.k * words;
        Weights::of(seen.total as f64 + added, added + seen.pruned as f64)
    }
}
