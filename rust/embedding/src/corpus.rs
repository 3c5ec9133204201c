//! Sentences as ids of the words that occur often enough.

use std::collections::HashMap;

use crate::EmbeddingError;

/// Sentences in one array of ids; id 0 is the most frequent word.
#[derive(Clone, Debug)]
pub struct Corpus {
    words: Vec<String>,
    counts: Vec<u64>,
    ids: Vec<u32>,
    /// Sentence `s` is `ids[ends[s - 1]..ends[s]]`.
    ends: Vec<usize>,
}

/// Takes sentences word by word.
#[derive(Clone, Debug, Default)]
pub struct CorpusBuilder {
    known: HashMap<String, u32>,
    counts: Vec<u64>,
    ids: Vec<u32>,
    ends: Vec<usize>,
}

impl CorpusBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Append a word to the current sentence.
    ///
    /// # Errors
    /// If there are more distinct words than 32-bit ids.
    pub fn push(&mut self, word: &str) -> Result<(), EmbeddingError> {
        let id = if let Some(&id) = self.known.get(word) {
            id
        } else {
            let id = u32::try_from(self.known.len()).ok().filter(|id| *id < u32::MAX);
            let id = id.ok_or(EmbeddingError::TooManyWords { limit: u32::MAX })?;
            self.known.insert(word.to_owned(), id);
            self.counts.push(0);
            id
        };
        if let Some(count) = self.counts.get_mut(id as usize) {
            *count += 1;
        }
        self.ids.push(id);
        Ok(())
    }

    pub fn end_sentence(&mut self) {
        if self.ends.last().copied().unwrap_or(0) < self.ids.len() {
            self.ends.push(self.ids.len());
        }
    }

    /// Keep the words that occur at least `min_count` times, most frequent first, equals as they first came.
    ///
    /// # Errors
    /// If no word is left.
    pub fn finish(mut self, min_count: u64) -> Result<Corpus, EmbeddingError> {
        self.end_sentence();
        let mut kept: Vec<u32> = (0..self.counts.len() as u32).collect();
        let count = |id: u32| self.counts[id as usize];
        kept.retain(|&id| count(id) >= min_count);
        kept.sort_by_key(|&id| std::cmp::Reverse(count(id)));
        if kept.is_empty() {
            let (words, distinct) = (self.ids.len() as u64, self.counts.len());
            return Err(EmbeddingError::EmptyCorpus { words, distinct, min_count });
        }
        let mut new_ids = vec![None; self.counts.len()];
        for (new, &old) in kept.iter().enumerate() {
            new_ids[old as usize] = Some(new as u32);
        }
        let mut words = vec![String::new(); kept.len()];
        for (word, old) in self.known {
            if let Some(new) = new_ids[old as usize] {
                words[new as usize] = word;
            }
        }
        let counts = kept.iter().map(|&old| self.counts[old as usize]).collect();
        let (mut ids, mut ends) = (Vec::with_capacity(self.ids.len()), Vec::with_capacity(self.ends.len()));
        let mut start = 0;
        for end in self.ends {
            ids.extend(self.ids[start..end].iter().filter_map(|&old| new_ids[old as usize]));
            ends.push(ids.len());
            start = end;
        }
        Ok(Corpus { words, counts, ids, ends })
    }
}

impl Corpus {
    /// By id, most frequent first.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// How often each word occurs.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Words of all sentences together.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub fn sentences(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.ids[start..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_words_vanish_from_their_sentences() {
        let mut builder = CorpusBuilder::new();
        for sentence in ["b a a", "", "c a b", "d"] {
            sentence.split_whitespace().try_for_each(|word| builder.push(word)).unwrap();
            builder.end_sentence();
        }
        let corpus = builder.clone().finish(2).unwrap();
        assert_eq!(corpus.words(), ["a", "b"]);
        assert_eq!(corpus.counts(), [3, 2]);
        assert_eq!(corpus.sentences().collect::<Vec<_>>(), [&[1, 0, 0][..], &[0, 1], &[]]);
        assert!(builder.finish(4).unwrap_err().to_string().contains("4 times"));
    }
}
