//! The different words of a corpus, as trainers take them.

use std::borrow::Cow;

use ferrolm_base::{Cancel, Cancelled};

use super::super::sorting::sort_by;
use crate::byte_level::{self, BYTE_TO_CHAR};

/// Different words and how often each occurs; their bytes one after the other.
#[derive(Debug, Clone, Default)]
pub struct Words {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    counts: Vec<u64>,
    /// The words are bytes that byte-level BPE spells as characters; otherwise they are text.
    spelled: bool,
}

impl Words {
    pub(super) fn new(spelled: bool) -> Self {
        Self { spelled, ..Self::default() }
    }

    /// Words of text, each different from the others.
    ///
    /// ```
    /// let words = ferrolm_tokenizer::train::Words::of_text([("low", 3), ("lower", 1)]);
    /// assert_eq!(words.len(), 2);
    /// ```
    pub fn of_text<'a>(words: impl IntoIterator<Item = (&'a str, u64)>) -> Self {
        let mut list = Self::new(false);
        for (word, count) in words {
            list.push(word.as_bytes(), count);
        }
        list
    }

    pub(super) fn push(&mut self, word: &[u8], count: u64) {
        self.bytes.extend_from_slice(word);
        self.ends.push(self.bytes.len());
        self.counts.push(count);
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all words.
    pub(in super::super) fn total_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(in super::super) fn count(&self, word: usize) -> u64 {
        self.counts[word]
    }

    pub(in super::super) fn bytes(&self, word: usize) -> &[u8] {
        let start = if word == 0 { 0 } else { self.ends[word - 1] };
        &self.bytes[start..self.ends[word]]
    }

    /// A word as the model will see it.
    pub(in super::super) fn text(&self, word: usize) -> Cow<'_, str> {
        let bytes = self.bytes(word);
        if self.spelled { byte_level::spell(bytes).into() } else { String::from_utf8_lossy(bytes) }
    }

    /// Emit the characters of a word as the model will see it.
    #[inline]
    pub(in super::super) fn characters(&self, word: usize, mut emit: impl FnMut(char)) {
        let bytes = self.bytes(word);
        if self.spelled {
            for &byte in bytes {
                emit(BYTE_TO_CHAR[usize::from(byte)]);
            }
        } else {
            std::str::from_utf8(bytes).unwrap_or_default().chars().for_each(emit);
        }
    }

    /// The words in the order of their bytes, for results that depend on an order.
    pub(in super::super) fn sorted(&self, cancel: &Cancel) -> Result<Vec<u32>, Cancelled> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        let bytes = |word: &u32| self.bytes(*word as usize);
        sort_by(&mut order, cancel, |left, right| bytes(left).cmp(bytes(right)))?;
        Ok(order)
    }
}
