//! Sentences as ids of the words that occur often enough.
//!
//! One stream of ids holds all sentences, each followed by [`END`]. It stays in memory up to 256 MiB and moves to a
//! temporary file beyond that, so that what a corpus needs in memory is its vocabulary.

use ferrolm_base::Cancel;
use ferrolm_base::cancel::NEVER;

use crate::EmbeddingError;
use crate::unsafe_spool::{IDS_IN_MEMORY, Spool, SpoolWriter};
use crate::vocabulary::Selection;
use crate::words::WordTable;

/// Ends a sentence in the stream of ids.
pub(crate) const END: u32 = u32::MAX;

/// How many ids are worked on between two looks at the cancel flag.
const STRIDE: usize = 1 << 20;

/// Sentences in one stream of ids; id 0 is the most frequent word unless asked otherwise.
#[derive(Clone, Debug)]
pub struct Corpus {
    words: Vec<String>,
    counts: Vec<u64>,
    ids: Spool,
    kept_words: usize,
    raw_words: u64,
    sentences: u64,
}

/// Takes sentences word by word.
#[derive(Debug)]
pub struct CorpusBuilder {
    known: WordTable,
    counts: Vec<u64>,
    ids: SpoolWriter,
    ids_in_memory: usize,
    raw_words: u64,
    sentences: u64,
    in_sentence: bool,
    /// Told at the next opportunity.
    failed: Option<EmbeddingError>,
}

impl Default for CorpusBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl CorpusBuilder {
    pub fn new() -> Self {
        Self::with_ids_in_memory(IDS_IN_MEMORY)
    }

    /// Keep at most so many ids in memory; the rest goes to a temporary file, four bytes each.
    pub fn with_ids_in_memory(ids_in_memory: usize) -> Self {
        Self {
            known: WordTable::default(),
            counts: Vec::new(),
            ids: SpoolWriter::new(ids_in_memory),
            ids_in_memory,
            raw_words: 0,
            sentences: 0,
            in_sentence: false,
            failed: None,
        }
    }

    /// Append a word to the current sentence.
    ///
    /// # Errors
    /// If there are more distinct words than 32-bit ids, or the temporary file cannot be written.
    #[inline]
    pub fn push(&mut self, word: &str) -> Result<(), EmbeddingError> {
        let id = self.known.insert(word)?;
        match self.counts.get_mut(id as usize) {
            Some(count) => *count += 1,
            None => self.counts.push(1),
        }
        self.append(id)
    }

    fn append(&mut self, id: u32) -> Result<(), EmbeddingError> {
        if self.failed.is_some() {
            return self.failed.take().map_or(Ok(()), Err);
        }
        self.raw_words += 1;
        self.in_sentence = true;
        self.ids.push(id)
    }

    /// Append the words of a string, which white space separates.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_text(&mut self, text: &str) -> Result<(), EmbeddingError> {
        split_words(text, |word| self.push(word))
    }

    /// Append sentences that were counted elsewhere: `ids` are numbers of `table`, with [`END`] after sentences.
    pub(crate) fn push_block(
        &mut self,
        table: &WordTable,
        counts: &[u64],
        ids: &[u32],
    ) -> Result<(), EmbeddingError> {
        let mut global = Vec::with_capacity(table.len());
        for (word, count) in table.iter().zip(counts) {
            let id = self.known.insert(word)?;
            self.counts.resize(self.known.len(), 0);
            self.counts[id as usize] += count;
            global.push(id);
        }
        for &id in ids {
            if id == END { self.end_sentence() } else { self.append(global[id as usize])? }
        }
        Ok(())
    }

    /// End the current sentence, if it has words.
    pub fn end_sentence(&mut self) {
        if self.in_sentence {
            self.in_sentence = false;
            self.sentences += 1;
            self.failed = self.failed.take().or(self.ids.push(END).err());
        }
    }

    /// Keep the words that occur at least `min_count` times, most frequent first, equals as they first came.
    ///
    /// # Errors
    /// As [`select`](Self::select).
    pub fn finish(self, min_count: u64) -> Result<Corpus, EmbeddingError> {
        self.select(&Selection::at_least(min_count), &NEVER)
    }

    /// Keep the words that `selection` says.
    ///
    /// # Errors
    /// If no word is left, `cancel` is raised, or the temporary file could not be written.
    pub fn select(mut self, selection: &Selection, cancel: &Cancel) -> Result<Corpus, EmbeddingError> {
        self.end_sentence();
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let kept = selection.kept(&self.counts)?;
        let mut new_ids = vec![None; self.counts.len()];
        for (new, &old) in kept.iter().enumerate() {
            new_ids[old as usize] = Some(new as u32);
        }
        let mut ids = SpoolWriter::new(self.ids_in_memory);
        let mut kept_words = 0;
        for part in self.ids.finish()?.ids().chunks(STRIDE) {
            cancel.check()?;
            for &old in part {
                if old == END {
                    ids.push(END)?;
                } else if let Some(new) = new_ids[old as usize] {
                    ids.push(new)?;
                    kept_words += 1;
                }
            }
        }
        Ok(Corpus {
            words: kept.iter().map(|&old| self.known.get(old).to_owned()).collect(),
            counts: kept.iter().map(|&old| self.counts[old as usize]).collect(),
            ids: ids.finish()?,
            kept_words,
            raw_words: self.raw_words,
            sentences: self.sentences,
        })
    }
}

/// Calls `each` with the words of a text; what separates them is white space of Unicode.
pub(crate) fn split_words(
    text: &str,
    each: impl FnMut(&str) -> Result<(), EmbeddingError>,
) -> Result<(), EmbeddingError> {
    // Nearly all text is ASCII, which is split at a third of the cost.
    if text.is_ascii() {
        let space = |byte: char| matches!(byte, ' ' | '\t'..='\r');
        text.split(space).filter(|word| !word.is_empty()).try_for_each(each)
    } else {
        text.split_whitespace().try_for_each(each)
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

    /// Words of all sentences together, without those that were dropped.
    pub fn len(&self) -> usize {
        self.kept_words
    }

    pub fn is_empty(&self) -> bool {
        self.kept_words == 0
    }

    /// Words that were read, dropped ones as well.
    pub fn raw_words(&self) -> u64 {
        self.raw_words
    }

    /// Sentences that had words when they were read.
    pub fn num_sentences(&self) -> u64 {
        self.sentences
    }

    /// Whether the ids lie in a temporary file.
    pub fn is_spooled(&self) -> bool {
        matches!(self.ids, Spool::File(_))
    }

    /// All sentences, each with [`END`] after it.
    pub(crate) fn stream(&self) -> &[u32] {
        self.ids.ids()
    }

    pub fn sentences(&self) -> impl Iterator<Item = &[u32]> {
        sentences(self.stream())
    }
}

pub(crate) fn sentences(stream: &[u32]) -> impl Iterator<Item = &[u32]> {
    stream.split_inclusive(|&id| id == END).map(|words| words.strip_suffix(&[END]).unwrap_or(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(ids_in_memory: usize, min_count: u64) -> Result<Corpus, EmbeddingError> {
        let mut builder = CorpusBuilder::with_ids_in_memory(ids_in_memory);
        for sentence in ["b a a", "", "c\u{2003}a b", "d"] {
            builder.push_text(sentence)?;
            builder.end_sentence();
        }
        builder.finish(min_count)
    }

    #[test]
    fn rare_words_vanish_from_their_sentences() {
        for ids_in_memory in [1, 3, 100] {
            let corpus = build(ids_in_memory, 2).unwrap();
            assert_eq!(corpus.words(), ["a", "b"]);
            assert_eq!(corpus.counts(), [3, 2]);
            assert_eq!(corpus.sentences().collect::<Vec<_>>(), [&[1, 0, 0][..], &[0, 1], &[]]);
            assert_eq!((corpus.len(), corpus.raw_words(), corpus.num_sentences()), (5, 7, 3));
            assert_eq!(corpus.is_spooled(), ids_in_memory < 8);
            assert!(build(ids_in_memory, 4).unwrap_err().to_string().contains("4 times"));
        }
    }

    #[test]
    fn ascii_and_other_text_are_split_alike() {
        for text in [" a\x0bb\t\r\nc  ", "a é\u{85}b\x0bc", "", " ", "\u{3000}"] {
            let mut words = Vec::new();
            split_words(text, |word| {
                words.push(word.to_owned());
                Ok(())
            })
            .unwrap();
            assert_eq!(words, text.split_whitespace().collect::<Vec<_>>());
        }
    }
}
