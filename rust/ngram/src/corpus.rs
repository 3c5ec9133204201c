//! What is counted: numbered words in sentences.

use std::ops::Range;

use crate::error::{NgramError, Result};

/// Sentences (or documents, lines, any unit that n-grams do not cross) as one array of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corpus {
    pub tokens: Vec<u32>,
    /// Sentence `i` is `tokens[offsets[i]..offsets[i + 1]]`; the first is 0, the last is `tokens.len()`.
    pub offsets: Vec<usize>,
    /// All tokens are below this.
    pub bound: u32,
}

/// Begin and end of sentence, put around each sentence by [`Corpus::from_ids`] and the text reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Markers {
    pub begin: u32,
    pub end: u32,
}

/// Positions are 32 bits wide.
pub const MAX_TOKENS: usize = u32::MAX as usize - 1;

impl Corpus {
    /// Sentence `i` is `ids[offsets[i]..offsets[i + 1]]`; every id must be below `vocab_size`.
    pub fn from_ids(ids: &[u32], offsets: &[i64], vocab_size: u32, markers: Option<Markers>) -> Result<Self> {
        check_offsets(offsets, ids.len())?;
        if let Some(position) = ids.iter().position(|&id| id >= vocab_size) {
            let id = ids[position];
            let message = format!("ids[{position}] is {id}, but vocab_size is {vocab_size}");
            return Err(NgramError::InvalidArgument(message));
        }
        let added = if markers.is_some() { 2 } else { 0 };
        let sentences = offsets.len() - 1;
        check_size(ids.len() + added * sentences)?;
        let mut corpus = Self {
            tokens: Vec::with_capacity(ids.len() + added * sentences),
            offsets: Vec::with_capacity(sentences + 1),
            bound: markers.map_or(vocab_size, |m| vocab_size.max(m.begin + 1).max(m.end + 1)),
        };
        corpus.offsets.push(0);
        for pair in offsets.windows(2) {
            corpus.tokens.extend(markers.map(|m| m.begin));
            corpus.tokens.extend_from_slice(&ids[pair[0] as usize..pair[1] as usize]);
            corpus.tokens.extend(markers.map(|m| m.end));
            corpus.offsets.push(corpus.tokens.len());
        }
        Ok(corpus)
    }

    /// As [`Self::from_ids`], with a vocabulary up to the largest id and without markers.
    pub fn from_all_ids(ids: &[u32], offsets: &[i64]) -> Result<Self> {
        let largest = ids.iter().max().map_or(0, |&id| id);
        Self::from_ids(ids, offsets, largest.saturating_add(1), None)
    }

    pub fn sentences(&self) -> impl Iterator<Item = Range<usize>> {
        self.offsets.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// For each position the number of tokens up to the end of its sentence, at most `order`.
    pub(crate) fn remaining(&self, order: u8) -> Vec<u8> {
        let mut remaining = vec![order; self.tokens.len()];
        for sentence in self.sentences() {
            let tail = sentence.len().min(usize::from(order));
            for (left, slot) in (1..).zip(remaining[sentence.end - tail..sentence.end].iter_mut().rev()) {
                *slot = left;
            }
        }
        remaining
    }
}

pub(crate) fn check_size(tokens: usize) -> Result<()> {
    if tokens > MAX_TOKENS {
        let message = format!(
            "the corpus has {tokens} tokens, more than the {MAX_TOKENS} that can be counted at once; count shards and merge them"
        );
        return Err(NgramError::Limit(message));
    }
    Ok(())
}

/// `offsets` must rise from 0 to `length`.
pub fn check_offsets(offsets: &[i64], length: usize) -> Result<()> {
    let complain = |reason: String| Err(NgramError::InvalidArgument(format!("offsets {reason}")));
    if offsets.first() != Some(&0) {
        return complain("must start with 0".to_owned());
    }
    if let Some(at) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
        return complain(format!("must not fall, but do at position {}", at + 1));
    }
    match offsets.last() {
        Some(&last) if last as usize == length => Ok(()),
        last => complain(format!("must end with the number of ids, {length}, but end with {last:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_counts_down_to_the_end_of_each_sentence() {
        let corpus = Corpus::from_ids(&[5, 6, 7, 8, 9], &[0, 4, 4, 5], 10, None).unwrap();
        assert_eq!(corpus.remaining(3), [3, 3, 2, 1, 1]);
    }

    #[test]
    fn markers_surround_each_sentence() {
        let markers = Some(Markers { begin: 11, end: 12 });
        let corpus = Corpus::from_ids(&[5, 6], &[0, 2, 2], 10, markers).unwrap();
        assert_eq!(corpus.tokens, [11, 5, 6, 12, 11, 12]);
        assert_eq!((corpus.offsets, corpus.bound), (vec![0, 4, 6], 13));
    }

    #[test]
    fn bad_offsets_and_ids_are_named() {
        let message =
            |ids: &[u32], offsets: &[i64]| Corpus::from_ids(ids, offsets, 4, None).unwrap_err().to_string();
        assert!(message(&[1], &[]).contains("start with 0"));
        assert!(message(&[1, 2], &[0, 2, 1, 2]).contains("position 2"));
        assert!(message(&[1, 2], &[0, 3]).contains("2, but end with"));
        assert!(message(&[1, 9], &[0, 2]).contains("ids[1] is 9"));
    }
}
