//! Sums by key in bounded memory: a table that is emptied into sorted runs, which are merged.
//!
//! The table has a fixed size and stays in the caches; frequent keys are summed up there and reach the runs seldom. Runs
//! are merged once they are of like size, so their memory is that of the distinct keys, twice at most while
//! merging. Sums are of integers: no order of work changes them.

use std::ops::{AddAssign, Range};

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::Corpus;
use crate::error::Result;

/// A key that orders and hashes quickly.
pub(crate) trait Key: Copy + Ord + Default + Send + Sync {
    fn hash(self) -> u64;
    /// The key with another word of `bits` bits behind it.
    fn append(self, word: u32, bits: u32) -> Self;
    /// The last word, and the key before it.
    fn split_last(self, bits: u32) -> (u32, Self);
}

fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

fn mix(state: u64) -> u64 {
    let product = u128::from(state ^ 0x9FB2_1C65_1E98_DF25) * 0x9E37_79B9_7F4A_7C15_u128;
    (product as u64) ^ ((product >> 64) as u64)
}

impl Key for u64 {
    fn hash(self) -> u64 {
        mix(self)
    }

    fn append(self, word: u32, bits: u32) -> Self {
        self << bits | Self::from(word)
    }

    fn split_last(self, bits: u32) -> (u32, Self) {
        ((self & mask(bits)) as u32, self >> bits)
    }
}

impl Key for u128 {
    fn hash(self) -> u64 {
        mix(mix(self as u64) ^ (self >> 64) as u64)
    }

    fn append(self, word: u32, bits: u32) -> Self {
        self << bits | Self::from(word)
    }

    fn split_last(self, bits: u32) -> (u32, Self) {
        ((self as u64 & mask(bits)) as u32, self >> bits)
    }
}

/// 256 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Wide {
    high: u128,
    low: u128,
}

impl Key for Wide {
    fn hash(self) -> u64 {
        mix(self.high.hash() ^ self.low.hash().rotate_left(17))
    }

    fn append(self, word: u32, bits: u32) -> Self {
        Self { high: self.high << bits | self.low >> (128 - bits), low: self.low << bits | u128::from(word) }
    }

    fn split_last(self, bits: u32) -> (u32, Self) {
        let rest = Self { high: self.high >> bits, low: self.low >> bits | self.high << (128 - bits) };
        ((self.low as u64 & mask(bits)) as u32, rest)
    }
}

/// A sum: above zero once something was added.
pub(crate) trait Sum: Copy + AddAssign + Default + PartialEq + Send + Sync {}
impl Sum for u64 {}
impl Sum for u128 {}

/// Keys with their sums, sorted by key.
pub(crate) type Run<K, V> = Vec<(K, V)>;

pub(crate) struct Sums<K, V> {
    slots: Vec<(K, V)>,
    filled: usize,
    /// Each at least twice as long as the next.
    runs: Vec<Run<K, V>>,
}

const SLOTS: usize = 1 << 17;

impl<K: Key, V: Sum> Sums<K, V> {
    pub fn new() -> Self {
        Self { slots: vec![(K::default(), V::default()); SLOTS], filled: 0, runs: Vec::new() }
    }

    /// Add `value`, which is above zero, to the sum of `key`.
    #[inline]
    pub fn add(&mut self, key: K, value: V) {
        let mut slot = key.hash() as usize % SLOTS;
        while self.slots[slot].1 != V::default() {
            if self.slots[slot].0 == key {
                self.slots[slot].1 += value;
                return;
            }
            slot = (slot + 1) % SLOTS;
        }
        self.slots[slot] = (key, value);
        self.filled += 1;
        if self.filled > SLOTS / 2 {
            self.empty();
        }
    }

    fn empty(&mut self) {
        let mut run: Run<K, V> =
            self.slots.iter().copied().filter(|&(_, value)| value != V::default()).collect();
        run.sort_unstable_by_key(|&(key, _)| key);
        self.slots.fill((K::default(), V::default()));
        self.filled = 0;
        self.runs.push(run);
        while let [.., a, b] = self.runs.as_slice() {
            if a.len() >= 2 * b.len() {
                break;
            }
            self.merge_last();
        }
    }

    fn merge_last(&mut self) {
        if let (Some(b), Some(a)) = (self.runs.pop(), self.runs.pop()) {
            self.runs.push(merge(&a, &b));
        }
    }

    /// All keys with their sums.
    pub fn finish(mut self) -> Run<K, V> {
        self.empty();
        while self.runs.len() > 1 {
            self.merge_last();
        }
        self.runs.pop().unwrap_or_default()
    }
}

/// Both runs; the sums of equal keys are added.
pub(crate) fn merge<K: Key, V: Sum>(a: &[(K, V)], b: &[(K, V)]) -> Run<K, V> {
    let mut merged = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while let (Some(&(ours, value)), Some(&(theirs, other))) = (a.get(i), b.get(j)) {
        let mut sum = if ours <= theirs { value } else { other };
        if ours == theirs {
            sum += other;
        }
        merged.push((ours.min(theirs), sum));
        i += usize::from(ours <= theirs);
        j += usize::from(theirs <= ours);
    }
    merged.extend_from_slice(&a[i..]);
    merged.extend_from_slice(&b[j..]);
    merged.shrink_to_fit();
    merged
}

/// Tokens between two looks at the cancel flag, and the smallest unit of parallel work.
const SLICE: usize = 1 << 14;

/// Sum up what `add` adds for each position of `corpus`; it gets the position and the end of its sentence.
pub(crate) fn sum_positions<K: Key, V: Sum>(
    corpus: &Corpus,
    cancel: &Cancel,
    add: impl Fn(&mut Sums<K, V>, usize, usize) + Sync,
) -> Result<Run<K, V>> {
    let total = corpus.tokens.len();
    let slices: Vec<Range<usize>> =
        (0..total.div_ceil(SLICE)).map(|i| i * SLICE..((i + 1) * SLICE).min(total)).collect();
    slices
        .into_par_iter()
        .try_fold(Sums::new, |mut sums, slice| {
            cancel.check()?;
            let mut sentence = corpus.offsets.partition_point(|&offset| offset <= slice.start);
            for position in slice {
                while corpus.offsets[sentence] <= position {
                    sentence += 1;
                }
                add(&mut sums, position, corpus.offsets[sentence]);
            }
            Ok(sums)
        })
        .map(|sums| sums.map(Sums::finish))
        .try_reduce(Vec::new, |a, b| {
            cancel.check()?;
            Ok(if a.is_empty() { b } else { merge(&a, &b) })
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sums_are_those_of_a_map_over_many_runs() {
        let mut sums: Sums<u64, u64> = Sums::new();
        let mut twin: BTreeMap<u64, u64> = BTreeMap::new();
        let mut state = 1u64;
        for step in 0..900_000 {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            let key = (state >> 40) % if step % 2 == 0 { 50 } else { 400_000 };
            sums.add(key, step + 1);
            *twin.entry(key).or_default() += step + 1;
        }
        assert_eq!(sums.finish(), twin.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn every_position_knows_the_end_of_its_sentence() {
        let length = 3 * SLICE + 7;
        let offsets = vec![0, 0, 5, 5, SLICE, SLICE + 1, length, length];
        let corpus = Corpus { tokens: vec![0; length], offsets, bound: 1 };
        let found: Run<u64, u64> =
            sum_positions(&corpus, &NEVER, |sums, position, end| sums.add(position as u64, end as u64))
                .unwrap();
        for (position, end) in found {
            let expected = corpus.offsets.iter().find(|&&offset| offset > position as usize).unwrap();
            assert_eq!(end as usize, *expected);
        }
    }

    proptest! {
        #[test]
        fn keys_keep_their_words(words in prop::collection::vec(any::<u32>(), 0..8), narrow in any::<bool>()) {
            fn round<K: Key>(words: &[u32], bits: u32) -> Vec<u32> {
                let mut key = words.iter().fold(K::default(), |key, &word| key.append(word, bits));
                let mut back = Vec::new();
                for _ in words {
                    let (word, rest) = key.split_last(bits);
                    back.insert(0, word);
                    key = rest;
                }
                back
            }
            let bits = if narrow { 8 } else { 32 };
            let words: Vec<u32> = words.iter().map(|word| if narrow { word & 255 } else { *word }).collect();
            prop_assert_eq!(round::<Wide>(&words, bits), words.clone());
            if words.len() * bits as usize <= 64 {
                prop_assert_eq!(round::<u64>(&words, bits), words.clone());
            }
            if words.len() * bits as usize <= 128 {
                prop_assert_eq!(round::<u128>(&words, bits), words);
            }
        }
    }
}
