//! The vocabulary's own words: short tokens that merging makes of their own bytes, for all workers.

use bytemuck::Zeroable;

use super::arch::prefetch;
use super::cache::{SHORT, hash_of, key_at};
use crate::byte_level::byte_of;

/// Tokens that share a cache line.
const WIDTH: usize = 3;

/// Vacant places are zeros and come last.
#[derive(Clone, Copy, Zeroable)]
#[repr(C, align(64))]
struct Bucket {
    keys: [u128; WIDTH],
    ids: [u32; WIDTH],
}

/// A table by key, two thirds full.
pub(super) struct Tokens {
    buckets: Box<[Bucket]>,
}

impl Tokens {
    pub(super) fn new<'a>(tokens: impl Iterator<Item = (u32, &'a str)>) -> Self {
        let mut word = Vec::new();
        let mut keys = Vec::new();
        for (id, token) in tokens.filter(|(_, token)| !token.is_empty() && token.len() <= 2 * SHORT) {
            word.clear();
            word.extend(token.chars().map_while(byte_of));
            if word.len() <= SHORT && word.len() == token.chars().count() {
                keys.push((key_at(&word, 0, word.len()), id));
            }
        }
        let mut this = Self { buckets: vec![Bucket::zeroed(); keys.len() / 2 + 1].into_boxed_slice() };
        for (key, id) in keys {
            this.insert(key, id);
        }
        this
    }

    fn insert(&mut self, key: u128, id: u32) {
        let mut index = self.index(hash_of(key));
        loop {
            let Bucket { keys, ids } = &mut self.buckets[index];
            if let Some(at) = keys.iter().position(|&other| other == 0) {
                (keys[at], ids[at]) = (key, id);
                return;
            }
            index = self.after(index);
        }
    }

    #[inline(always)]
    fn index(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.buckets.len() as u64) >> 32) as usize
    }

    #[inline(always)]
    fn after(&self, index: usize) -> usize {
        if index + 1 == self.buckets.len() { 0 } else { index + 1 }
    }

    /// Bring the bucket of a hash near.
    #[inline(always)]
    pub(super) fn prefetch(&self, hash: u32) {
        prefetch(&self.buckets, self.index(hash));
    }

    /// The token that a key spells.
    #[inline(always)]
    pub(super) fn get(&self, key: u128, hash: u32) -> Option<u32> {
        let mut index = self.index(hash);
        loop {
            let Bucket { keys, ids } = &self.buckets[index];
            if let Some(at) = keys.iter().position(|&other| other == key) {
                return Some(ids[at]);
            }
            if keys[WIDTH - 1] == 0 {
                return None;
            }
            index = self.after(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::byte_level::spell;

    #[test]
    fn every_short_token_is_found_and_nothing_else() {
        let words: Vec<String> = (0..20_000).map(|number: u32| format!("{number:x}{}", number % 7)).collect();
        let spelled: Vec<String> = words.iter().map(|word| spell(word.as_bytes())).collect();
        let tokens = Tokens::new((0..).zip(spelled.iter().map(String::as_str)));
        let get = |word: &str| {
            let key = key_at(word.as_bytes(), 0, word.len());
            tokens.get(key, hash_of(key))
        };
        for (id, word) in (0..).zip(&words) {
            assert_eq!(get(word), Some(id));
            assert_eq!(get(&format!("-{word}")), None);
        }
    }
}
