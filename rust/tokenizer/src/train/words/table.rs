//! A table of words and how often each occurred.

use ferrolm_base::{Cancel, Cancelled};

use super::super::hash::FastMap;

/// Words up to this many bytes are their own key.
const SHORT: usize = 15;
/// Slots of a new table.
const FIRST_SLOTS: usize = 1 << 12;
/// Words between two looks at the cancel flag.
const POLL: usize = 1 << 15;

/// Short words sit in open slots, 32 bytes each, and are compared as one number; 97 of 100 words of text are short.
/// No string is made per occurrence, and none per short word.
#[derive(Debug, Clone)]
pub(super) struct CountTable {
    slots: Vec<Slot>,
    used: usize,
    long: FastMap<Box<[u8]>, u64>,
}

/// A key of 0 is a vacant slot: the last byte of a key is the length of its word, at least 1.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    key: u128,
    count: u64,
}

/// For each length, the bytes of a key that count.
const MASKS: [u128; SHORT + 1] = {
    let mut masks = [0; SHORT + 1];
    let mut length = 1;
    while length <= SHORT {
        masks[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    masks
};

impl Default for CountTable {
    fn default() -> Self {
        Self { slots: vec![Slot::default(); FIRST_SLOTS], used: 0, long: FastMap::default() }
    }
}

impl CountTable {
    /// Number of different words.
    pub(super) fn len(&self) -> usize {
        self.used + self.long.len()
    }

    /// Count `text[start..end]`.
    #[inline]
    pub(super) fn count(&mut self, text: &[u8], start: usize, end: usize) {
        let length = end - start;
        if length.wrapping_sub(1) < SHORT {
            self.add_key(key_at(text, start, length), 1);
        } else if let Some(word) = text.get(start..end).filter(|word| !word.is_empty()) {
            self.add_long(word, 1);
        }
    }

    #[inline]
    fn add_key(&mut self, key: u128, by: u64) {
        let mask = self.slots.len() - 1;
        let mut at = hash_of(key) as usize & mask;
        loop {
            let slot = &mut self.slots[at];
            if slot.key == key {
                slot.count += by;
                return;
            }
            if slot.key == 0 {
                *slot = Slot { key, count: by };
                self.used += 1;
                if self.used * 2 > mask {
                    self.grow();
                }
                return;
            }
            at = (at + 1) & mask;
        }
    }

    fn add_long(&mut self, word: &[u8], by: u64) {
        match self.long.get_mut(word) {
            Some(count) => *count += by,
            None => drop(self.long.insert(word.into(), by)),
        }
    }

    #[cold]
    fn grow(&mut self) {
        let wider = vec![Slot::default(); self.slots.len() * 2];
        let old = std::mem::replace(&mut self.slots, wider);
        self.used = 0;
        for slot in old.into_iter().filter(|slot| slot.key != 0) {
            self.add_key(slot.key, slot.count);
        }
    }

    /// Add the counts of `other`.
    pub(super) fn absorb(&mut self, other: Self) {
        if self.len() == 0 {
            *self = other;
            return;
        }
        for slot in other.slots.into_iter().filter(|slot| slot.key != 0) {
            self.add_key(slot.key, slot.count);
        }
        for (word, count) in other.long {
            *self.long.entry(word).or_insert(0) += count;
        }
    }

    /// Emit every word and its count, in no particular order.
    pub(super) fn try_for_each(
        &self,
        cancel: &Cancel,
        mut emit: impl FnMut(&[u8], u64),
    ) -> Result<(), Cancelled> {
        for slots in self.slots.chunks(POLL) {
            cancel.check()?;
            for slot in slots.iter().filter(|slot| slot.key != 0) {
                let bytes = slot.key.to_le_bytes();
                emit(&bytes[..usize::from(bytes[SHORT])], slot.count);
            }
        }
        for (at, (word, &count)) in self.long.iter().enumerate() {
            if at % POLL == 0 {
                cancel.check()?;
            }
            emit(word, count);
        }
        Ok(())
    }
}

/// The bytes of a word of `length` bytes, 1 to 15, and its length in the last byte.
#[inline]
fn key_at(text: &[u8], start: usize, length: usize) -> u128 {
    let wide = match text.get(start..start + 16).and_then(|bytes| bytes.try_into().ok()) {
        Some(bytes) => u128::from_le_bytes(bytes),
        None => near_the_end(text, start),
    };
    wide & MASKS[length & SHORT] | (length as u128) << (8 * SHORT)
}

#[cold]
fn near_the_end(text: &[u8], start: usize) -> u128 {
    let mut bytes = [0; 16];
    let rest = text.get(start..).unwrap_or_default();
    let length = rest.len().min(16);
    bytes[..length].copy_from_slice(&rest[..length]);
    u128::from_le_bytes(bytes)
}

#[inline]
fn hash_of(key: u128) -> u32 {
    let (low, high) = (key as u64, (key >> 64) as u64);
    let hash = low.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ high.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use ferrolm_base::cancel::NEVER;

    use super::*;

    fn contents(table: &CountTable) -> BTreeMap<Vec<u8>, u64> {
        let mut contents = BTreeMap::new();
        let emit = |word: &[u8], count| assert_eq!(contents.insert(word.to_vec(), count), None);
        table.try_for_each(&NEVER, emit).unwrap();
        contents
    }

    proptest! {
        #[test]
        fn counts_are_those_of_a_map(words in proptest::collection::vec("[ab\0é]{0,20}", 0..300)) {
            let mut expected = BTreeMap::<Vec<u8>, u64>::new();
            let mut tables = [CountTable::default(), CountTable::default()];
            for (at, word) in words.iter().enumerate() {
                tables[at % 2].count(word.as_bytes(), 0, word.len());
                if !word.is_empty() {
                    *expected.entry(word.as_bytes().to_vec()).or_default() += 1;
                }
            }
            let [mut all, other] = tables;
            all.absorb(other);
            prop_assert_eq!(all.len(), expected.len());
            prop_assert_eq!(contents(&all), expected);
        }
    }

    #[test]
    fn a_table_grows_beyond_its_first_slots() {
        let mut table = CountTable::default();
        for round in 0..2 {
            for number in 0..20_000 {
                let word = format!("w{number}");
                table.count(word.as_bytes(), 0, word.len());
            }
            assert_eq!(table.len(), 20_000, "round {round}");
        }
        assert!(contents(&table).values().all(|&count| count == 2));
    }
}
