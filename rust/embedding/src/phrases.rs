//! Phrases: pairs of words that come together more often than by chance (Mikolov et al. 2013, section 4; Bouma 2009
//! for the normalized measure).
//!
//! Names, scores and the way sentences are read are gensim's: connector words ("of", "the") may stand inside a
//! phrase but neither begin nor end it, and words and phrases are counted in one table, a phrase as its words with
//! the delimiter between them.

use std::collections::{HashMap, HashSet};

use crate::EmbeddingError;
use crate::words::WordTable;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scoring {
    /// (count of the pair - `min_count`) / count of either word · size of the vocabulary.
    Default,
    /// Pointwise mutual information, divided by its greatest value: -1 to 1.
    Npmi,
}

/// Counts of words and of pairs that may be phrases.
#[derive(Clone, Debug)]
pub struct PhraseCounts {
    vocabulary: WordTable,
    counts: Vec<u64>,
    words: u64,
    delimiter: String,
    connectors: HashSet<String>,
    /// Prune when there are more entries than this.
    max_vocab_size: usize,
    /// What pruning drops next: entries that occur less often.
    min_reduce: u64,
    joined: String,
}

/// Phrases with their scores.
#[derive(Clone, Debug, Default)]
pub struct PhraseTable {
    phrases: HashMap<String, f64>,
    delimiter: String,
    connectors: HashSet<String>,
    threshold: f64,
}

impl PhraseCounts {
    pub fn new(delimiter: String, connectors: HashSet<String>, max_vocab_size: usize) -> Self {
        Self {
            vocabulary: WordTable::default(),
            counts: Vec::new(),
            words: 0,
            delimiter,
            connectors,
            max_vocab_size,
            min_reduce: 1,
            joined: String::new(),
        }
    }

    /// Count a sentence.
    ///
    /// # Errors
    /// If there are more words and pairs than ids.
    pub fn add(&mut self, sentence: &[&str]) -> Result<(), EmbeddingError> {
        // Where the open pair begins.
        let mut open = None;
        for (at, word) in sentence.iter().enumerate() {
            if self.connectors.contains(*word) {
                continue;
            }
            self.count(word)?;
            if let Some(start) = open {
                let mut joined = std::mem::take(&mut self.joined);
                join(&sentence[start..=at], &self.delimiter, &mut joined);
                self.count(&joined)?;
                self.joined = joined;
            }
            open = Some(at);
        }
        self.words += sentence.len() as u64;
        if self.vocabulary.len() > self.max_vocab_size {
            self.prune()?;
        }
        Ok(())
    }

    fn count(&mut self, entry: &str) -> Result<(), EmbeddingError> {
        let id = self.vocabulary.insert(entry)? as usize;
        match self.counts.get_mut(id) {
            Some(count) => *count += 1,
            None => self.counts.push(1),
        }
        Ok(())
    }

    fn prune(&mut self) -> Result<(), EmbeddingError> {
        let (vocabulary, counts) = (std::mem::take(&mut self.vocabulary), std::mem::take(&mut self.counts));
        for (entry, count) in vocabulary.iter().zip(counts) {
            if count >= self.min_reduce {
                self.vocabulary.insert(entry)?;
                self.counts.push(count);
            }
        }
        self.min_reduce += 1;
        Ok(())
    }

    /// Words and pairs with their counts, as they first came.
    pub fn entries(&self) -> impl Iterator<Item = (&str, u64)> {
        self.vocabulary.iter().zip(self.counts.iter().copied())
    }

    /// Put back what [`entries`](Self::entries) gave.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn restore(&mut self, entry: &str, count: u64) -> Result<(), EmbeddingError> {
        let id = self.vocabulary.insert(entry)? as usize;
        self.counts.resize(self.vocabulary.len(), 0);
        self.counts[id] = count;
        Ok(())
    }

    /// Words of all sentences.
    pub fn num_words(&self) -> u64 {
        self.words
    }

    pub fn set_num_words(&mut self, words: u64) {
        self.words = words;
    }

    pub fn len(&self) -> usize {
        self.vocabulary.len()
    }

    pub fn is_empty(&self) -> bool {
        self.vocabulary.len() == 0
    }

    /// The phrases whose score is above `threshold`.
    ///
    /// The ends of a pair are taken to be the words before the first and behind the last delimiter.
    pub fn phrases(&self, scoring: Scoring, min_count: f64, threshold: f64) -> PhraseTable {
        let mut phrases = HashMap::new();
        for (entry, _) in self.entries().filter(|(entry, _)| entry.contains(&self.delimiter)) {
            let mut parts = entry.split(&self.delimiter);
            if let (Some(first), Some(last)) = (parts.next(), parts.last())
                && let Some(score) = self.score(scoring, min_count, first, last, entry)
                && score > threshold
            {
                phrases.insert(entry.to_owned(), score);
            }
        }
        PhraseTable::new(phrases, self.delimiter.clone(), self.connectors.clone(), threshold)
    }

    /// A sentence with its phrases as single words, each with its score, by the counts themselves: words that have
    /// the delimiter in them, as phrases of an earlier round have, are seen as words.
    pub fn apply(
        &self,
        sentence: &[&str],
        scoring: Scoring,
        min_count: f64,
        threshold: f64,
    ) -> Vec<(String, Option<f64>)> {
        let score = |first: &str, last: &str, joined: &str| {
            self.score(scoring, min_count, first, last, joined).filter(|&score| score > threshold)
        };
        analyze(sentence, &self.delimiter, &self.connectors, score)
    }

    fn count_of(&self, entry: &str) -> Option<u64> {
        self.vocabulary.find(entry).map(|id| self.counts[id as usize])
    }

    /// `None` if any of the three was never counted.
    fn score(&self, scoring: Scoring, min_count: f64, first: &str, last: &str, joined: &str) -> Option<f64> {
        let (a, b, pair) = (self.count_of(first)?, self.count_of(last)?, self.count_of(joined)?);
        let [a, b, pair, words] = [a, b, pair, self.words].map(|count| count as f64);
        Some(match scoring {
            Scoring::Default => (pair - min_count) / a / b * self.vocabulary.len() as f64,
            Scoring::Npmi if pair < min_count => f64::NEG_INFINITY,
            Scoring::Npmi => {
                let (a, b, pair) = (a / words, b / words, pair / words);
                (pair / (a * b)).ln() / -pair.ln()
            }
        })
    }
}

impl PhraseTable {
    pub fn new(
        phrases: HashMap<String, f64>,
        delimiter: String,
        connectors: HashSet<String>,
        threshold: f64,
    ) -> Self {
        Self { phrases, delimiter, connectors, threshold }
    }

    pub fn phrases(&self) -> &HashMap<String, f64> {
        &self.phrases
    }

    /// The sentence with its phrases as single words, each with its score; others have none.
    pub fn apply(&self, sentence: &[&str]) -> Vec<(String, Option<f64>)> {
        let score = |_: &str, _: &str, joined: &str| {
            self.phrases.get(joined).copied().filter(|&score| score > self.threshold)
        };
        analyze(sentence, &self.delimiter, &self.connectors, score)
    }
}

/// Goes through a sentence from left to right; `score` knows the phrases by first word, last word and all joined.
fn analyze(
    sentence: &[&str],
    delimiter: &str,
    connectors: &HashSet<String>,
    score: impl Fn(&str, &str, &str) -> Option<f64>,
) -> Vec<(String, Option<f64>)> {
    let mut found = Vec::with_capacity(sentence.len());
    let mut joined = String::new();
    // Where the open candidate begins, of which only connectors have followed.
    let mut open: Option<usize> = None;
    for (at, &word) in sentence.iter().enumerate() {
        let connects = connectors.contains(word);
        match open {
            None if connects => found.push((word.to_owned(), None)),
            None => open = Some(at),
            Some(_) if connects => {}
            Some(start) => {
                join(&sentence[start..=at], delimiter, &mut joined);
                if let Some(score) = score(sentence[start], word, &joined) {
                    found.push((joined.clone(), Some(score)));
                    open = None;
                } else {
                    found.extend(sentence[start..at].iter().map(|&word| (word.to_owned(), None)));
                    open = Some(at);
                }
            }
        }
    }
    if let Some(start) = open {
        found.extend(sentence[start..].iter().map(|&word| (word.to_owned(), None)));
    }
    found
}

fn join(words: &[&str], delimiter: &str, to: &mut String) {
    to.clear();
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            to.push_str(delimiter);
        }
        to.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(max_vocab_size: usize) -> PhraseCounts {
        let connectors = ["of".to_owned(), "the".to_owned()].into();
        let mut counts = PhraseCounts::new("_".into(), connectors, max_vocab_size);
        for _ in 0..5 {
            counts.add(&["king", "of", "the", "hill", "eats"]).unwrap();
            counts.add(&["a", "king", "the"]).unwrap();
            counts.add(&["hill", "a", "eats"]).unwrap();
        }
        counts
    }

    #[test]
    fn connectors_stand_inside_phrases_only() {
        let table = counted(100).phrases(Scoring::Default, 1.0, 0.3);
        assert!((table.phrases()["king_of_the_hill"] - 4.0 / 10.0 / 10.0 * 9.0).abs() < 1e-12);
        let words = |sentence: &[&str]| -> Vec<String> {
            table.apply(sentence).into_iter().map(|(word, _)| word).collect()
        };
        assert_eq!(words(&["the", "king", "of", "the", "hill", "of"]), ["the", "king_of_the_hill", "of"]);
        assert_eq!(words(&["king", "of", "eats", "the"]), ["king", "of", "eats", "the"]);
        assert!(words(&[]).is_empty());
    }

    #[test]
    fn pruning_keeps_what_is_frequent() {
        // Each of 15 sentences makes room: the second time for what comes twice, then three times, and so on.
        assert!(counted(4).len() <= 6);
        assert_eq!(counted(100).len(), 9);
    }
}
