//! Words of sentences in one buffer: two allocations that grow instead of one a word.

use std::ops::Range;

/// Sentences of words (or of tags).
#[derive(Debug, Default, Clone)]
pub struct Sentences {
    text: String,
    /// Where each word ends in `text`.
    words: Vec<usize>,
    /// How many words there are up to the end of each sentence.
    sentences: Vec<usize>,
}

impl Sentences {
    pub fn push(&mut self, word: &str) {
        self.text.push_str(word);
        self.words.push(self.text.len());
    }

    pub fn end_sentence(&mut self) {
        self.sentences.push(self.words.len());
    }

    /// How many sentences there are.
    pub fn len(&self) -> usize {
        self.sentences.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sentences.is_empty()
    }

    /// How many words the sentences have together.
    pub fn num_words(&self) -> usize {
        self.sentences.last().copied().unwrap_or(0)
    }

    /// The places of the words of a sentence among all words.
    pub fn places(&self, sentence: usize) -> Range<usize> {
        let start = sentence.checked_sub(1).map_or(0, |before| self.sentences[before]);
        start..self.sentences[sentence]
    }

    pub fn word(&self, place: usize) -> &str {
        let start = place.checked_sub(1).map_or(0, |before| self.words[before]);
        &self.text[start..self.words[place]]
    }
}

impl<'a, S: IntoIterator<Item = &'a str>> FromIterator<S> for Sentences {
    fn from_iter<I: IntoIterator<Item = S>>(sentences: I) -> Self {
        let mut made = Self::default();
        for sentence in sentences {
            sentence.into_iter().for_each(|word| made.push(word));
            made.end_sentence();
        }
        made
    }
}
