//! Hashes of text, and the table that numbers them.
//!
//! Folded multiplication: the 128 bits of a product of two words, the upper half mixed into the lower. With a fixed
//! seed the hashes are the same everywhere, so that they can be kept in files; tables take a seed that is drawn once
//! for each process, so that no text can be written to make their chains long.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

const FIRST: u64 = 0x9e37_79b9_7f4a_7c15;
const SECOND: u64 = 0xd1b5_4a32_d192_ed03;

/// The two halves of a product, mixed.
#[inline]
pub fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// A hash of `value` that depends on all its bits.
#[inline]
pub fn mix(value: u64, seed: u64) -> u64 {
    fold(value ^ seed ^ FIRST, SECOND ^ value.rotate_left(32))
}

/// A hash of `bytes`, 16 at a time.
#[inline]
pub fn hash64(bytes: &[u8], seed: u64) -> u64 {
    let mut state = seed ^ fold(bytes.len() as u64 ^ FIRST, SECOND);
    let (blocks, rest) = bytes.as_chunks::<16>();
    for block in blocks {
        let (low, high) = block.split_at(8);
        state = fold(word(low) ^ FIRST, word(high) ^ state);
    }
    if !rest.is_empty() {
        let (low, high) = rest.split_at(rest.len().min(8));
        state = fold(word(low) ^ FIRST, word(high) ^ state);
    }
    fold(state ^ FIRST, SECOND)
}

/// Up to 8 bytes as a number, the missing ones zero.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    if let Ok(whole) = bytes.try_into() {
        return u64::from_le_bytes(whole);
    }
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// Two hashes by independent seeds: wide enough to stand for the text.
pub fn hash128(bytes: &[u8]) -> u128 {
    u128::from(hash64(bytes, FIRST)) << 64 | u128::from(hash64(bytes, SECOND))
}

/// The seed of this process for tables.
pub fn process_seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| RandomState::new().build_hasher().finish())
}

/// For maps whose keys are hashes already.
#[derive(Clone)]
pub struct HashedKeys(u64);

impl Default for HashedKeys {
    fn default() -> Self {
        Self(process_seed())
    }
}

pub struct HashedKey(u64);

impl Hasher for HashedKey {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash64(bytes, self.0);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = mix(value, self.0);
    }

    fn write_u128(&mut self, value: u128) {
        self.0 = mix(value as u64 ^ (value >> 64) as u64, self.0);
    }
}

impl BuildHasher for HashedKeys {
    type Hasher = HashedKey;

    fn build_hasher(&self) -> HashedKey {
        HashedKey(self.0)
    }
}

/// Numbers keys from zero in the order of their first appearance. Open addressing, at most half full.
pub struct IdTable {
    slots: Vec<(u64, u32)>,
    len: u32,
    seed: u64,
}

const FREE: u32 = u32::MAX;

impl IdTable {
    /// For up to `keys` different keys.
    pub fn new(keys: usize) -> Self {
        let size = (2 * keys).next_power_of_two().max(8);
        Self { slots: vec![(0, FREE); size], len: 0, seed: process_seed() }
    }

    /// The number of `key`, the next one if it is new.
    #[inline]
    pub fn id(&mut self, key: u64) -> u32 {
        let mask = self.slots.len() - 1;
        let mut place = mix(key, self.seed) as usize & mask;
        loop {
            let slot = &mut self.slots[place];
            if slot.1 == FREE {
                *slot = (key, self.len);
                self.len += 1;
                return self.len - 1;
            }
            if slot.0 == key {
                return slot.1;
            }
            place = (place + 1) & mask;
        }
    }

    pub fn len(&self) -> usize {
        self.len as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_byte_and_the_length_count() {
        let texts: Vec<Vec<u8>> = (0..40).flat_map(|n| [vec![0; n], vec![7; n + 1]]).collect();
        let mut changed = texts.clone();
        for text in texts.iter().filter(|text| !text.is_empty()) {
            for place in 0..text.len() {
                let mut other = text.clone();
                other[place] ^= 1;
                changed.push(other);
            }
        }
        let different: HashSet<Vec<u8>> = changed.iter().cloned().collect();
        let hashes: HashSet<u64> = different.iter().map(|text| hash64(text, 1)).collect();
        assert_eq!(hashes.len(), different.len());
        assert_eq!(hash64(b"the same everywhere", 1), hash64(b"the same everywhere", 1));
    }

    #[test]
    fn bits_of_hashes_are_even() {
        let mut ones = [0u32; 64];
        for value in 0..10_000u64 {
            let hash = hash64(&value.to_le_bytes(), 0);
            ones.iter_mut().enumerate().for_each(|(bit, count)| *count += (hash >> bit & 1) as u32);
        }
        assert!(ones.iter().all(|count| (4_700..5_300).contains(count)), "{ones:?}");
    }

    proptest! {
        #[test]
        fn ids_are_those_of_a_map(keys in prop::collection::vec(0u64..50, 0..200)) {
            let mut table = IdTable::new(keys.len());
            let mut map = HashMap::new();
            for &key in &keys {
                let next = map.len() as u32;
                prop_assert_eq!(table.id(key), *map.entry(key).or_insert(next));
            }
            prop_assert_eq!(table.len(), map.len());
        }
    }
}
