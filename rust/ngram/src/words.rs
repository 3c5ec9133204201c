//! Words and their numbers: an interner with a packed open-addressing table.

use crate::unsafe_memory::prefetch;

/// Distinct words, numbered from 0 in the order of their first appearance.
#[derive(Debug, Clone, Default)]
pub struct WordTable {
    text: String,
    /// `ends[i]` is where word `i` ends in `text`; it starts where the one before ends.
    ends: Vec<usize>,
    /// The upper half is the upper half of the hash, the lower half the number plus one; 0 is free.
    slots: Vec<u64>,
}

const FIRST_SLOTS: usize = 1024;

impl WordTable {
    pub fn new() -> Self {
        Self { slots: vec![0; FIRST_SLOTS], ..Self::default() }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The word with this number.
    ///
    /// # Panics
    /// If there is no such number.
    pub fn word(&self, number: u32) -> &str {
        let number = number as usize;
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.text[start..self.ends[number]]
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len() as u32).map(|number| self.word(number))
    }

    pub fn get(&self, word: &str) -> Option<u32> {
        self.get_hashed(word, hash(word.as_bytes()))
    }

    #[inline]
    fn get_hashed(&self, word: &str, hash: u64) -> Option<u32> {
        self.slots.get(self.find(word, hash)).and_then(|&slot| (slot as u32).checked_sub(1))
    }

    /// What [`WordTable::get`] gives for each of `words`. What one waits for is asked for while the others are
    /// worked on.
    pub fn get_all<'a>(&'a self, words: &'a [&'a str]) -> impl Iterator<Item = Option<u32>> + 'a {
        let mask = self.slots.len().wrapping_sub(1);
        let mut hashes = Vec::with_capacity(words.len());
        for word in words {
            let hash = hash(word.as_bytes());
            prefetch(&self.slots, hash as usize & mask);
            hashes.push(hash);
        }
        // The number in the slot is that of the word nearly always.
        let number = |hash: u64| self.slots.get(hash as usize & mask).map_or(0, |&slot| slot as u32 as usize);
        for &hash in &hashes {
            prefetch(&self.ends, number(hash).saturating_sub(2));
        }
        for &hash in &hashes {
            let start = number(hash).checked_sub(2).and_then(|before| self.ends.get(before));
            prefetch(self.text.as_bytes(), start.copied().unwrap_or(0));
        }
        words.iter().zip(hashes).map(|(word, hash)| self.get_hashed(word, hash))
    }

    /// The number of `word`, which is added if it is new.
    pub fn insert(&mut self, word: &str) -> u32 {
        if (self.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let hash = hash(word.as_bytes());
        let slot = self.find(word, hash);
        if self.slots[slot] == 0 {
            self.text.push_str(word);
            self.ends.push(self.text.len());
            self.slots[slot] = (hash & UPPER) | self.len() as u64;
        }
        self.slots[slot] as u32 - 1
    }

    /// The slot that holds `word`, or the free one where it belongs.
    #[inline]
    fn find(&self, word: &str, hash: u64) -> usize {
        let mask = self.slots.len().wrapping_sub(1);
        let mut slot = hash as usize & mask;
        while let Some(&content) = self.slots.get(slot) {
            let same = || content & UPPER == hash & UPPER && self.word(content as u32 - 1) == word;
            if content == 0 || same() {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 4).max(FIRST_SLOTS);
        let mut slots = vec![0u64; size];
        for number in 0..self.len() as u32 {
            let hash = hash(self.word(number).as_bytes());
            let mut slot = hash as usize & (size - 1);
            while slots[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            slots[slot] = (hash & UPPER) | u64::from(number + 1);
        }
        self.slots = slots;
    }
}

const UPPER: u64 = 0xFFFF_FFFF_0000_0000;

/// A multiply-and-fold hash: eight bytes a step, the last step overlapping the one before.
#[inline]
fn hash(word: &[u8]) -> u64 {
    let fold = |state: u64, bytes: u64| {
        let product = u128::from(state ^ bytes) * 0x9E37_79B9_7F4A_7C15_u128;
        (product as u64) ^ ((product >> 64) as u64)
    };
    let eight =
        |at: usize| word.get(at..at + 8).map_or(0, |b| u64::from_le_bytes(b.try_into().unwrap_or([0; 8])));
    let four =
        |at: usize| word.get(at..at + 4).map_or(0, |b| u32::from_le_bytes(b.try_into().unwrap_or([0; 4])));
    let mut state = word.len() as u64 ^ 0xA076_1D64_78BD_642F;
    match word.len() {
        0 => {}
        1..4 => {
            let middle = u64::from(word[word.len() / 2]);
            let bytes = u64::from(word[0]) | middle << 8 | u64::from(word[word.len() - 1]) << 16;
            state = fold(state, bytes);
        }
        4..8 => state = fold(state, u64::from(four(0)) | u64::from(four(word.len() - 4)) << 32),
        length => {
            let mut at = 0;
            while at + 8 < length {
                state = fold(state, eight(at));
                at += 8;
            }
            state = fold(state, eight(length - 8));
        }
    }
    fold(state, 0x9FB2_1C65_1E98_DF25)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_those_of_the_first_appearances(words in prop::collection::vec("[ab]{0,12}", 0..3000)) {
            let mut table = WordTable::new();
            let mut twin: HashMap<&str, u32> = HashMap::new();
            for word in &words {
                let next = twin.len() as u32;
                prop_assert_eq!(table.insert(word), *twin.entry(word).or_insert(next));
            }
            prop_assert_eq!(table.len(), twin.len());
            for (word, number) in twin {
                prop_assert_eq!(table.get(word), Some(number));
                prop_assert_eq!(table.word(number), word);
            }
            prop_assert_eq!(table.get("never seen"), None);
            let asked: Vec<&str> = words.iter().map(String::as_str).chain(["never seen", ""]).collect();
            let found: Vec<_> = table.get_all(&asked).collect();
            prop_assert_eq!(found, asked.iter().map(|word| table.get(word)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_empty_table_knows_nothing() {
        assert_eq!(WordTable::default().get("a"), None);
        assert_eq!(WordTable::default().get_all(&["a"]).next(), Some(None));
    }
}
