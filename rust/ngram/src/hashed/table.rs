//! A hash table that is read one cache line at a time: buckets of several entries, the next bucket where one is full.

use ferrolm_base::Cancel;

use crate::error::{NgramError, Result};
use crate::unsafe_array::{Array, Plain};
use crate::unsafe_memory::{prefetch, with_capacity};

/// The key of no entry.
pub(super) const FREE: u64 = 0;
/// Buckets that a search looks at, at most. Sound tables need far fewer; this bounds what a damaged file, or words that
/// somebody chose to collide, can cost.
const LONGEST: usize = 64;
/// Seeds that are tried until no search is longer.
const SEEDS: u64 = 8;

/// Entries that share a cache line.
pub(super) trait Bucket: Plain + Default {
    const WAYS: usize;

    fn keys(&self) -> &[u64];

    fn log10(&self, way: usize) -> f32;

    /// The marks of entries that should be here but had no room and are further on.
    fn passed(&self) -> u32;

    fn pass(&mut self, mark: u32);

    fn put(&mut self, way: usize, entry: Entry);
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    pub key: u64,
    pub log10: f32,
    /// Only of n-grams below the top order, as is the suffix.
    pub backoff: f32,
    pub suffix: u32,
}

/// Below the top order.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(64))]
pub struct Middle {
    keys: [u64; 3],
    log10: [f32; 3],
    pub(super) backoff: [f32; 3],
    pub(super) suffix: [u32; 3],
    passed: u32,
}

/// The top order.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(64))]
pub struct Top {
    keys: [u64; 5],
    log10: [f32; 5],
    passed: u32,
}

impl Bucket for Middle {
    const WAYS: usize = 3;

    #[inline(always)]
    fn keys(&self) -> &[u64] {
        &self.keys
    }

    #[inline(always)]
    fn log10(&self, way: usize) -> f32 {
        self.log10[way]
    }

    #[inline(always)]
    fn passed(&self) -> u32 {
        self.passed
    }

    fn pass(&mut self, mark: u32) {
        self.passed |= mark;
    }

    fn put(&mut self, way: usize, entry: Entry) {
        (self.keys[way], self.log10[way]) = (entry.key, entry.log10);
        (self.backoff[way], self.suffix[way]) = (entry.backoff, entry.suffix);
    }
}

impl Bucket for Top {
    const WAYS: usize = 5;

    #[inline(always)]
    fn keys(&self) -> &[u64] {
        &self.keys
    }

    #[inline(always)]
    fn log10(&self, way: usize) -> f32 {
        self.log10[way]
    }

    #[inline(always)]
    fn passed(&self) -> u32 {
        self.passed
    }

    fn pass(&mut self, mark: u32) {
        self.passed |= mark;
    }

    fn put(&mut self, way: usize, entry: Entry) {
        (self.keys[way], self.log10[way]) = (entry.key, entry.log10);
    }
}

/// A search on its way.
#[derive(Clone, Copy)]
pub(crate) struct Probe {
    key: u64,
    mark: u32,
    /// Where to look next.
    bucket: u32,
    /// What was found so far: a slot or one of the two below.
    slot: u32,
}

/// More slots than any table has.
const UNKNOWN: u32 = u32::MAX;
const ABSENT: u32 = u32::MAX - 1;

#[derive(Clone)]
pub(super) struct Table<B: Plain> {
    pub buckets: Array<B>,
    pub seed: u64,
    /// How many entries there are.
    pub count: usize,
}

impl<B: Bucket> Table<B> {
    /// The table of `count` entries with distinct keys, and the slot of each.
    pub fn of(count: usize, entry: impl Fn(usize) -> Entry, cancel: &Cancel) -> Result<(Self, Vec<u32>)> {
        // Three quarters full.
        let size = (count + count / 3).div_ceil(B::WAYS).max(1);
        if size.checked_mul(B::WAYS).is_none_or(|slots| slots >= ABSENT as usize) {
            let message = format!("{count} n-grams of an order are more than a hashed model can have");
            return Err(NgramError::Limit(message));
        }
        for seed in 0..SEEDS {
            if let Some((buckets, slots)) = fill::<B>(size, seed, count, &entry, cancel)? {
                return Ok((Self { buckets: buckets.into(), seed, count }, slots));
            }
        }
        Err(NgramError::Limit("the n-grams cannot be hashed: their numbers collide".to_owned()))
    }

    /// Buckets and seed, as files have them.
    pub fn head(&self) -> [u64; 2] {
        [self.buckets.len() as u64, self.seed]
    }

    /// Whether there are slots, no more than 32 bits can number.
    pub fn has_slots(&self) -> bool {
        (1..ABSENT as usize).contains(&self.slots())
    }

    pub fn slots(&self) -> usize {
        self.buckets.len() * B::WAYS
    }

    #[inline(always)]
    pub fn key(&self, slot: usize) -> u64 {
        self.buckets[slot / B::WAYS].keys()[slot % B::WAYS]
    }

    #[inline(always)]
    pub fn log10(&self, slot: usize) -> f32 {
        self.buckets[slot / B::WAYS].log10(slot % B::WAYS)
    }

    /// Begin to search for `key`, and ask for memory.
    #[inline(always)]
    pub fn ask(&self, key: u64) -> Probe {
        let (bucket, mark) = home(key, self.seed, self.buckets.len());
        prefetch(&self.buckets, bucket);
        Probe { key, mark, bucket: bucket as u32, slot: UNKNOWN }
    }

    /// Look at one bucket, and ask for the next one if that is needed.
    #[inline(always)]
    pub fn look(&self, probe: &mut Probe) {
        let bucket = probe.bucket as usize;
        let held = &self.buckets[bucket];
        // All are compared, without a branch for each.
        let keys = held.keys();
        let way = (0..B::WAYS).fold(B::WAYS, |found, way| if keys[way] == probe.key { way } else { found });
        let slot = if way < B::WAYS { (bucket * B::WAYS + way) as u32 } else { ABSENT };
        if slot == ABSENT && held.passed() & probe.mark != 0 {
            let next = if bucket + 1 == self.buckets.len() { 0 } else { bucket + 1 };
            prefetch(&self.buckets, next);
            probe.bucket = next as u32;
        } else {
            probe.slot = slot;
        }
    }

    /// The slot of what is searched for.
    #[inline(always)]
    pub fn find(&self, mut probe: Probe) -> Option<usize> {
        for _ in 1..LONGEST {
            if probe.slot != UNKNOWN {
                break;
            }
            self.look(&mut probe);
        }
        (probe.slot < ABSENT).then_some(probe.slot as usize)
    }
}

/// Entries between two looks at the cancel flag.
const GROUP: usize = 1 << 16;
/// Entries asked for ahead.
const AHEAD: usize = 16;

/// The buckets with all entries, and the slots of these; `None` if a search would be too long.
fn fill<B: Bucket>(
    size: usize,
    seed: u64,
    count: usize,
    entry: impl Fn(usize) -> Entry,
    cancel: &Cancel,
) -> Result<Option<(Vec<B>, Vec<u32>)>> {
    let mut buckets: Vec<B> = with_capacity(size);
    buckets.resize(size, B::default());
    let mut slots = Vec::with_capacity(count);
    for place in 0..count {
        if place % GROUP == 0 {
            cancel.check()?;
        }
        if place + AHEAD < count {
            prefetch(&buckets, home(entry(place + AHEAD).key, seed, size).0);
        }
        let entry = entry(place);
        let (first, mark) = home(entry.key, seed, size);
        let slot = (0..LONGEST.min(size)).find_map(|step| {
            let at = (first + step) % size;
            let bucket = &mut buckets[at];
            let Some(way) = bucket.keys().iter().position(|&held| held == FREE) else {
                bucket.pass(mark);
                return None;
            };
            bucket.put(way, entry);
            Some(at * B::WAYS + way)
        });
        let Some(slot) = slot else { return Ok(None) };
        slots.push(slot as u32);
    }
    Ok(Some((buckets, slots)))
}

/// The bucket of `size` where a search for `key` begins, and the mark of the key: one of 32 bits.
#[inline(always)]
fn home(key: u64, seed: u64, size: usize) -> (usize, u32) {
    let product = u128::from(key ^ seed) * 0x9E37_79B9_7F4A_7C15_u128;
    let hash = (product as u64) ^ ((product >> 64) as u64);
    (((u128::from(hash) * size as u128) >> 64) as usize, 1 << (hash % 32))
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;

    fn table(keys: &[u64]) -> Result<(Table<Middle>, Vec<u32>)> {
        Table::of(keys.len(), |at| Entry { key: keys[at], log10: at as f32, ..Entry::default() }, &NEVER)
    }

    proptest! {
        #[test]
        fn keys_are_found_where_they_are_and_others_nowhere(
            keys in prop::collection::btree_set(1u64..5000, 0..600), others in prop::collection::vec(1u64..5000, 50),
        ) {
            let keys: Vec<u64> = keys.into_iter().collect();
            let (table, slots) = table(&keys).unwrap();
            for key in others.iter().chain(&keys) {
                let found = table.find(table.ask(*key));
                let place = keys.binary_search(key).ok();
                prop_assert_eq!(found, place.map(|place| slots[place] as usize));
                if let Some((slot, place)) = found.zip(place) {
                    prop_assert_eq!((table.key(slot), table.log10(slot)), (*key, place as f32));
                }
            }
        }
    }

    #[test]
    fn tables_have_limits() {
        let message = |table: Result<(Table<Middle>, Vec<u32>)>| table.err().unwrap().to_string();
        assert!(message(table(&vec![7; 3 * LONGEST + 1])).contains("their numbers collide"));
        let most = u32::MAX as usize;
        let many = Table::of(most, |_| Entry::default(), &NEVER);
        assert!(message(many).contains("more than a hashed model can have"));
    }
}
