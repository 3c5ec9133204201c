//! The rank of a pair of symbols, from one cache line.
//!
//! Merging asks for two ranks after every step and waits for memory each time. A filter in front of a hash table
//! answers "no" early, but "yes" takes two lookups, one after the other; buckets of one cache line answer both with
//! one. The hash of a pair can be undone: its upper bits say the bucket, of the others as many are compared as it
//! takes to tell pairs of the same bucket apart.

use bytemuck::Zeroable;

use super::arch::prefetch;
use crate::model::bpe::NO_RANK;

/// Pairs that fit into a bucket, and how many there are on average.
const WIDTH: usize = 8;
const LOAD: usize = 5;
/// The upper bits of what is compared: how many buckets further on a pair stands because its own was full.
const FURTHER_SHIFT: u32 = 28;

/// Vacant places have rank 0 and come last.
#[derive(Clone, Copy, Zeroable)]
#[repr(C, align(64))]
struct Bucket {
    rests: [u32; WIDTH],
    /// Rank + 1.
    ranks: [u32; WIDTH],
}

pub(super) struct Pairs {
    buckets: Box<[Bucket]>,
    /// Bits of a symbol.
    bits: u32,
}

/// Where a pair is looked for.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    bucket: u32,
    rest: u32,
}

impl Pairs {
    /// The rank of a pair is its place among `pairs`, which must differ, at most 2²²; symbols are below `bound`, at
    /// most 2²².
    ///
    /// None if too many pairs fall together, which no real vocabulary comes near to.
    pub(super) fn new(pairs: &[Option<(u32, u32)>], bound: usize) -> Option<Self> {
        let bits = bound.next_power_of_two().trailing_zeros().max(8);
        // No fewer than it takes for the rest of a hash to fit into its bits.
        let count = (pairs.len() / LOAD + 1).max(1 << (2 * bits).saturating_sub(FURTHER_SHIFT));
        let mut this = Self { buckets: vec![Bucket::zeroed(); count].into_boxed_slice(), bits };
        for (rank, pair) in (1..).zip(pairs) {
            if let &Some((left, right)) = pair {
                this.insert(this.place(left, right), rank)?;
            }
        }
        Some(this)
    }

    fn insert(&mut self, mut place: Place, rank: u32) -> Option<()> {
        loop {
            let bucket = &mut self.buckets[place.bucket as usize];
            if let Some(at) = bucket.ranks.iter().position(|&rank| rank == 0) {
                (bucket.rests[at], bucket.ranks[at]) = (place.rest, rank);
                return Some(());
            }
            place = self.further(place)?;
        }
    }

    /// The bucket after a full one; none after the most steps that can be told apart.
    #[inline(always)]
    fn further(&self, Place { bucket, rest }: Place) -> Option<Place> {
        let bucket = if bucket as usize + 1 == self.buckets.len() { 0 } else { bucket + 1 };
        Some(Place { bucket, rest: rest.checked_add(1 << FURTHER_SHIFT)? })
    }

    #[inline(always)]
    pub(super) fn place(&self, left: u32, right: u32) -> Place {
        let mask = (1 << (2 * self.bits)) - 1;
        let mut hash =
            (u64::from(left) << self.bits | u64::from(right)).wrapping_mul(0x9E37_79B9_7F4A_7C15) & mask;
        hash ^= hash >> self.bits;
        hash = hash.wrapping_mul(0xD6E8_FEB8_6659_FD93) & mask;
        // Hashes of one bucket follow one another, fewer than 2²⁸.
        let bucket = ((hash * self.buckets.len() as u64) >> (2 * self.bits)) as u32;
        Place { bucket, rest: hash as u32 & ((1 << FURTHER_SHIFT) - 1) }
    }

    #[inline(always)]
    pub(super) fn prefetch(&self, place: Place) {
        prefetch(&self.buckets, place.bucket as usize);
    }

    /// The rank of the pair of a place, or [`NO_RANK`].
    #[inline(always)]
    pub(super) fn rank(&self, place: Place) -> u32 {
        let Some(Bucket { rests, ranks }) = self.buckets.get(place.bucket as usize) else { return NO_RANK };
        let mut found = 0;
        for (&rest, &rank) in rests.iter().zip(ranks) {
            found |= if rest == place.rest { rank } else { 0 };
        }
        if found == 0 && ranks[WIDTH - 1] != 0 { self.rank_further(place) } else { found.wrapping_sub(1) }
    }

    #[cold]
    fn rank_further(&self, place: Place) -> u32 {
        self.further(place).map_or(NO_RANK, |place| self.rank(place))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranks_are_those_of_a_map(pairs in proptest::collection::vec((0u32..40, 0u32..300), 0..600), bound in 300usize..5000) {
            let mut ranks = HashMap::new();
            let pairs: Vec<_> = pairs.into_iter().enumerate().map(|(rank, pair)| match ranks.entry(pair) {
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(rank as u32);
                    Some(pair)
                }
                std::collections::hash_map::Entry::Occupied(_) => None,
            }).collect();
            let table = Pairs::new(&pairs, bound).unwrap();
            for left in 0..40 {
                for right in 0..300 {
                    let rank = ranks.get(&(left, right)).copied().unwrap_or(NO_RANK);
                    prop_assert_eq!(table.rank(table.place(left, right)), rank);
                }
            }
        }
    }
}
