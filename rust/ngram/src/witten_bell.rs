//! Interpolated Witten-Bell smoothing: the share of the lower order is the chance that the next word is a new one,
//! estimated by how often that happened.
//!
//! Witten and Bell (1991), "The Zero-Frequency Problem", method C; as interpolation in Chen and Goodman (1998), section
//! 2.4: with `n` occurrences of `t` different words after a context, the share is `t / (n + t)`.

use crate::smoothing::{CountKind, Method, Seen, Weights};

pub(crate) struct WittenBell;

impl Method for WittenBell {
    fn counts(&self) -> CountKind {
        CountKind::Occurrences
    }

    fn weights(&self, seen: &Seen, _discounts: &[f64; 3], _words: f64) -> Weights {
        Weights::of((seen.total + seen.types) as f64, (seen.types + seen.pruned) as f64)
    }
}
