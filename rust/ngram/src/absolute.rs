//! Interpolated absolute discounting: the same number is subtracted from every count of an order.
//!
//! Ney, Essen and Kneser (1994), "On Structuring Probabilistic Dependences in Stochastic Language Modelling"; Chen and
//! Goodman (1998), section 2.6. The estimate of the discount is `n1 / (n1 + 2 n2)`, from the numbers of n-grams that
//! occur once and twice. Unlike Kneser-Ney, lower orders count occurrences too.

use crate::smoothing::{CountKind, Method, Seen, Weights};

pub(crate) struct Absolute {
    /// One per order from 1 on, the last one for all that follow; empty: estimated.
    pub discounts: Vec<f64>,
}

impl Method for Absolute {
    fn counts(&self) -> CountKind {
        CountKind::Occurrences
    }

    fn discounts(&self, k: usize, of_count: &[u64; 5]) -> Result<[f64; 3], String> {
        if let Some(&given) = self.discounts.get(k).or(self.discounts.last()) {
            return Ok([given; 3]);
        }
        if let Some(count) = (1..3).find(|&count| of_count[count] == 0) {
            return Err(format!("no n-gram has a count of {count} (is the corpus small or artificial?)"));
        }
        let [once, twice] = [of_count[1] as f64, of_count[2] as f64];
        Ok([once / (once + 2.0 * twice); 3])
    }

    /// The same for all counts: that for counts of 1.
    fn fallback(&self, given: [f64; 3]) -> [f64; 3] {
        [given[0]; 3]
    }

    fn weights(&self, seen: &Seen, discounts: &[f64; 3], _words: f64) -> Weights {
        seen.discounted(discounts)
    }
}
