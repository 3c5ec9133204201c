//! Distinct words, numbered in the order in which they first came.
//!
//! The words lie one after the other in one string; an open-addressing table of (part of the hash, number) finds
//! them. The hash is seeded anew in each process, so that nobody can prepare words that collide; numbers do not
//! depend on it.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use crate::EmbeddingError;

const EMPTY: u32 = u32::MAX;

/// Numbers end below this: the two highest mean other things where numbers are stored.
pub(crate) const MOST_WORDS: u32 = u32::MAX - 1;

static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0u8));

#[derive(Clone, Debug, Default)]
pub(crate) struct WordTable {
    text: String,
    /// Word `w` is `text[ends[w - 1]..ends[w]]`.
    ends: Vec<usize>,
    /// Hash and number; a power of two of them, at most half in use.
    slots: Vec<(u32, u32)>,
}

impl WordTable {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, id: u32) -> &str {
        let id = id as usize;
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.text[start..self.ends[id]]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len() as u32).map(|id| self.get(id))
    }

    pub(crate) fn find(&self, word: &str) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let hash = hash(word.as_bytes());
        self.place(word, hash).1
    }

    /// The number of `word`, which is new if it equals the length before.
    #[inline]
    pub(crate) fn insert(&mut self, word: &str) -> Result<u32, EmbeddingError> {
        if self.ends.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let hash = hash(word.as_bytes());
        let (slot, found) = self.place(word, hash);
        if let Some(id) = found {
            return Ok(id);
        }
        let id = self.ends.len() as u32;
        if id >= MOST_WORDS {
            return Err(EmbeddingError::TooManyWords { limit: MOST_WORDS });
        }
        self.text.push_str(word);
        self.ends.push(self.text.len());
        self.slots[slot] = (tag(hash), id);
        Ok(id)
    }

    /// The slot where the word is or would be, and its number.
    #[inline]
    fn place(&self, word: &str, hash: u64) -> (usize, Option<u32>) {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            match self.slots[slot] {
                (_, EMPTY) => return (slot, None),
                (other, id) if other == tag(hash) && self.get(id) == word => return (slot, Some(id)),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(64);
        self.slots = vec![(0, EMPTY); size];
        for id in 0..self.ends.len() as u32 {
            let hash = hash(self.get(id).as_bytes());
            let mut slot = hash as usize & (size - 1);
            while self.slots[slot].1 != EMPTY {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = (tag(hash), id);
        }
    }
}

fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Multiplies eight bytes at a time into 128 bits and folds them.
#[inline]
fn hash(bytes: &[u8]) -> u64 {
    fn fold(value: u64, by: u64) -> u64 {
        let product = u128::from(value) * u128::from(by);
        product as u64 ^ (product >> 64) as u64
    }
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut state = *SEED ^ bytes.len() as u64;
    for eight in eights {
        state = fold(state ^ u64::from_le_bytes(*eight), ODD);
    }
    let mut last = 0;
    for &byte in rest {
        last = last << 8 | u64::from(byte);
    }
    fold(fold(state ^ last, 0xD134_2543_DE82_EF95), ODD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_numbers_while_the_table_grows() {
        let mut table = WordTable::default();
        assert_eq!(table.find("a"), None);
        for round in 0..2 {
            for number in 0..5000u32 {
                let word = format!("{}{number}", "ß".repeat(number as usize % 13));
                assert_eq!(table.insert(&word).unwrap(), number, "{round}");
            }
        }
        assert_eq!(table.insert("").unwrap(), 5000);
        assert_eq!((table.len(), table.find(""), table.find("ß")), (5001, Some(5000), None));
        assert_eq!(table.get(14), "ß14");
        assert_eq!(table.iter().count(), 5001);
    }
}
