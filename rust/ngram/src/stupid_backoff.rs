//! Stupid backoff: the relative frequency of the longest n-gram seen, times a factor for each word of context given up.
//!
//! Brants, Popat, Xu, Och and Dean (2007), "Large Language Models in Machine Translation", equation 5. The results are
//! scores that rank continuations, not probabilities: they do not sum to one. In a back-off model contexts that never
//! occur cost nothing, while the paper charges the factor for each of them, to all continuations alike: the ranking is
//! the same. A word that never occurs has no score in the paper and 10 to the power of -100 here; of `<unk>` it is
//! the frequency of the words that were pruned.

use crate::smoothing::{CountKind, Method, Seen, Weights};

pub(crate) struct StupidBackoff {
    pub factor: f64,
}

impl Method for StupidBackoff {
    fn counts(&self) -> CountKind {
        CountKind::Occurrences
    }

    fn weights(&self, seen: &Seen, _discounts: &[f64; 3], _words: f64) -> Weights {
        Weights::of(seen.total as f64, seen.pruned as f64)
    }

    fn backoff(&self) -> Option<f64> {
        Some(self.factor)
    }
}
