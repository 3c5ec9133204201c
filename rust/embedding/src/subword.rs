//! Parts of words, which lend their vectors to words that were never seen (Bojanowski et al. 2017, "Enriching Word
//! Vectors with Subword Information").
//!
//! As in fastText: the n-grams of characters of `<word>` are hashed (FNV-1a of their UTF-8) into a fixed number of
//! buckets, which are shared by what collides.

/// Names and defaults are those of fastText and gensim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubwordSettings {
    /// Shortest and longest n-grams, in characters with the two marks.
    pub min_n: usize,
    pub max_n: usize,
    pub bucket: u32,
}

/// Calls `each` with the bucket of every n-gram of the word.
pub(crate) fn buckets(word: &str, settings: &SubwordSettings, mut each: impl FnMut(u32)) {
    if settings.bucket == 0 {
        return;
    }
    let marked = format!("<{word}>");
    let starts: Vec<usize> = marked.char_indices().map(|(at, _)| at).chain([marked.len()]).collect();
    let characters = starts.len() - 1;
    for first in 0..characters {
        let longest = settings.max_n.min(characters - first);
        for length in settings.min_n.max(1)..=longest {
            // A mark alone says nothing.
            if length == 1 && (first == 0 || first + 1 == characters) {
                continue;
            }
            each(hash(&marked.as_bytes()[starts[first]..starts[first + length]]) % settings.bucket);
        }
    }
}

/// FNV-1a with bytes above 127 taken as negative numbers, as fastText's files have it.
fn hash(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(2_166_136_261, |hash, &byte| (hash ^ i32::from(byte as i8) as u32).wrapping_mul(16_777_619))
}

/// The buckets of each word of a vocabulary.
#[derive(Debug, Default)]
pub(crate) struct Subwords {
    rows: Vec<u32>,
    ends: Vec<usize>,
}

impl Subwords {
    pub(crate) fn push(&mut self, word: &str, settings: &SubwordSettings) {
        buckets(word, settings, |bucket| self.rows.push(bucket));
        self.ends.push(self.rows.len());
    }

    pub(crate) fn of(&self, word: u32) -> &[u32] {
        let word = word as usize;
        let start = if word == 0 { 0 } else { self.ends[word - 1] };
        &self.rows[start..self.ends[word]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(word: &str, min_n: usize, max_n: usize) -> Vec<u32> {
        let mut found = Vec::new();
        buckets(word, &SubwordSettings { min_n, max_n, bucket: u32::MAX }, |bucket| found.push(bucket));
        found
    }

    #[test]
    fn the_n_grams_of_a_word_with_its_marks() {
        let expected = |grams: &[&str]| grams.iter().map(|gram| hash(gram.as_bytes())).collect::<Vec<_>>();
        assert_eq!(found("aß", 3, 6), expected(&["<aß", "<aß>", "aß>"]));
        assert_eq!(found("ab", 1, 2), expected(&["<a", "a", "ab", "b", "b>"]));
        assert_eq!(found("", 3, 6), []);
        assert_eq!(found("abc", 4, 3), []);
        assert_eq!(hash(b"a"), 0xE40C_292C);
    }
}
