//! Interpolated modified Kneser-Ney smoothing, as `lmplz` of KenLM estimates it.
//!
//! Chen and Goodman (1998), "An Empirical Study of Smoothing Techniques for Language Modeling", equations 24 to 26;
//! Heafield, Pouzyrevsky, Clark and Koehn (2013), "Scalable Modified Kneser-Ney Language Model Estimation".

use crate::smoothing::{CountKind, Method, Seen, Weights};

pub(crate) struct KneserNey;

impl Method for KneserNey {
    fn counts(&self) -> CountKind {
        CountKind::Continuations
    }

    /// Chen and Goodman's equation 26.
    fn discounts(&self, _k: usize, of_count: &[u64; 5]) -> Result<[f64; 3], String> {
        if let Some(count) = (1..4).find(|&count| of_count[count] == 0) {
            return Err(format!(
                "no n-gram has an adjusted count of {count} (is the corpus small or artificial?)"
            ));
        }
        let n = of_count.map(|count| count as f64);
        let y = n[1] / (n[1] + 2.0 * n[2]);
        let discounts: [f64; 3] = std::array::from_fn(|i| {
            let j = i + 1;
            j as f64 - (j + 1) as f64 * y * n[j + 1] / n[j]
        });
        match discounts.iter().zip(1..).find(|&(&discount, j)| !(0.0..=f64::from(j)).contains(&discount)) {
            Some((discount, j)) => {
                Err(format!("the estimate for count {j} is {discount:.3}, not between 0 and {j}"))
            }
            None => Ok(discounts),
        }
    }

    fn weights(&self, seen: &Seen, discounts: &[f64; 3], _words: f64) -> Weights {
        seen.discounted(discounts)
    }
}
