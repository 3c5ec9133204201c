//! Sketches of texts, whose equal places estimate how similar their sets of word n-grams are.
//!
//! "Fast Similarity Sketching" (Dahlgaard, Knudsen, Thorup 2017): each n-gram is thrown into a random bin in each of
//! several rounds, and a bin keeps the least hash of the first round that reached it. Rounds end when no bin is empty,
//! so the time is that of `n + k log k` hashes for `n` n-grams and `k` bins, where classic `MinHash` takes `n * k`,
//! with the same variance or less. Sixteen bits are kept of each bin: different ones are equal in one of 65,536.

use ferrolm_base::{Cancel, Cancelled};
use rayon::prelude::*;

use crate::hash::{fold, hash64, mix};
use crate::segment::is_unspaced;

/// What is kept of a text: 16 bits for each bin.
pub type Sketch = Vec<u16>;

/// How sketches are made. Two can be compared only if they were made in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sketcher {
    /// Words of an n-gram.
    pub ngram: usize,
    /// Bins of a sketch, a power of two.
    pub bins: usize,
    pub seed: u64,
}

impl Sketcher {
    /// The sketch of a text; texts without a word have none.
    pub fn sketch(&self, text: &str) -> Option<Sketch> {
        let ngrams = self.ngrams(text);
        if ngrams.is_empty() { None } else { Some(self.of_hashes(&ngrams)) }
    }

    /// The sketches of many texts, in parallel.
    pub fn sketch_all<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        cancel: &Cancel,
    ) -> Result<Vec<Option<Sketch>>, Cancelled> {
        texts.par_iter().map(|text| cancel.check().map(|()| self.sketch(text.as_ref()))).collect()
    }

    /// Hashes of the n-grams of words, in lower case and without punctuation; all words together if they are fewer.
    pub fn ngrams(&self, text: &str) -> Vec<u64> {
        let words = words(text, self.seed);
        let n = self.ngram.min(words.len());
        if n == 0 {
            return Vec::new();
        }
        let gram = |gram: &[u64]| gram.iter().fold(self.seed, |hash, &word| fold(hash ^ word, MULTIPLIER));
        words.windows(n).map(gram).collect()
    }

    fn of_hashes(&self, hashes: &[u64]) -> Sketch {
        let bins = self.bins;
        let mut least = vec![u64::MAX; bins];
        let mut empty = bins;
        let mut round = 0;
        while empty > 0 {
            let mut filled = 0;
            for &hash in hashes {
                let value = mix(hash, self.seed.wrapping_add(round as u64));
                // After as many rounds as there are bins, each round is for one bin and cannot fail.
                let bin = if round < bins { value as usize & (bins - 1) } else { round - bins };
                let value = (round as u64) << 48 | value >> 16;
                if least[bin] == u64::MAX {
                    filled += 1;
                    least[bin] = value;
                } else if value < least[bin] {
                    least[bin] = value;
                }
            }
            empty -= filled;
            round += 1;
        }
        least.into_iter().map(|value| mix(value, 0) as u16).collect()
    }
}

const MULTIPLIER: u64 = 0xa076_1d64_78bd_642f;

/// Hashes of the runs of letters and digits, in lower case. In scripts without spaces each character is one.
fn words(text: &str, seed: u64) -> Vec<u64> {
    let mut words = Vec::with_capacity(text.len() / 5);
    let mut word = String::new();
    if text.is_ascii() {
        let lower = text.to_ascii_lowercase();
        let runs = lower.as_bytes().split(|byte| !byte.is_ascii_alphanumeric());
        words.extend(runs.filter(|run| !run.is_empty()).map(|run| hash64(run, seed)));
        return words;
    }
    for c in text.chars() {
        let unspaced = is_unspaced(c);
        if !word.is_empty() && (unspaced || !c.is_alphanumeric()) {
            words.push(hash64(word.as_bytes(), seed));
            word.clear();
        }
        if unspaced {
            words.push(hash64(c.encode_utf8(&mut [0; 4]).as_bytes(), seed));
        } else if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(hash64(word.as_bytes(), seed));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKETCHER: Sketcher = Sketcher { ngram: 3, bins: 128, seed: 1 };

    #[test]
    fn words_are_folded_and_stripped() {
        assert_eq!(words("The CAT, sat", 1), words("the cat sat!", 1));
        assert_eq!(words("Über alles", 1), words("— über, ALLES", 1));
        assert_eq!(words("東京 tower", 1), words("東 京tower", 1));
        assert_eq!(words("東京", 1).len(), 2);
        assert_eq!(words("... —", 1).len(), 0);
    }

    #[test]
    fn a_short_text_is_one_ngram() {
        assert_eq!(SKETCHER.ngrams("two words").len(), 1);
        assert_eq!(SKETCHER.ngrams("now three words").len(), 1);
        assert_eq!(SKETCHER.ngrams("and now four words").len(), 2);
        assert!(SKETCHER.sketch("").is_none());
    }

    #[test]
    fn equal_places_estimate_the_jaccard_similarity() {
        let mut total = 0.0;
        for trial in 0..200u64 {
            let base = trial * 1000;
            let hash = |n: u64| mix(n, 7);
            let left: Vec<u64> = (base..base + 90).map(hash).collect();
            let right: Vec<u64> = (base + 10..base + 100).map(hash).collect();
            let (left, right) = (SKETCHER.of_hashes(&left), SKETCHER.of_hashes(&right));
            let equal = left.iter().zip(&right).filter(|(a, b)| a == b).count();
            let estimate = equal as f64 / 128.0;
            assert!((estimate - 0.8).abs() < 0.16, "{estimate}");
            total += estimate;
        }
        assert!((total / 200.0 - 0.8).abs() < 0.01, "{}", total / 200.0);
    }
}
