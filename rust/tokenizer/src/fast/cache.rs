//! What pieces seen before became: a bounded, direct-addressed table of short pieces, and a map of longer ones.

use std::collections::HashMap;

/// Pieces up to this many bytes are their own key.
pub(super) const SHORT: usize = 15;
/// Ids that fit into an entry.
pub(super) const INLINE: usize = 4;
/// Pieces beyond this are merged anew each time: they hardly ever repeat.
const LONG: usize = 128;
/// Ids that the map of long pieces holds before it is emptied (some 4 MB with the keys).
const LONG_IDS: usize = 1 << 19;
const BUCKETS_LOG2: u32 = 16;
const COUNT_SHIFT: u32 = 28;

/// Ids must stay below this for their count to fit beside the first one.
pub(super) const MAX_ID_BOUND: usize = 1 << COUNT_SHIFT;

#[derive(Clone, Copy)]
#[repr(C, align(32))]
struct Entry {
    key: u128,
    /// The first id has the number of ids in its upper bits.
    ids: [u32; INLINE],
}

const VACANT: Entry = Entry { key: 0, ids: [0; INLINE] };

/// Two entries share a cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Bucket([Entry; 2]);

pub(super) struct Cache {
    buckets: Box<[Bucket]>,
    long: HashMap<Box<[u8]>, Box<[u32]>>,
    long_ids: usize,
}

/// The key of a short piece: its bytes, and their number in the last one.
#[inline]
pub(super) fn key_of(bytes: &[u8]) -> u128 {
    let mut key = [0; 16];
    key[..bytes.len()].copy_from_slice(bytes);
    key[SHORT] = bytes.len() as u8;
    u128::from_le_bytes(key)
}

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            buckets: vec![Bucket([VACANT; 2]); 1 << BUCKETS_LOG2].into_boxed_slice(),
            long: HashMap::new(),
            long_ids: 0,
        }
    }

    #[inline]
    fn index(key: u128) -> usize {
        let (low, high) = (key as u64, (key >> 64) as u64);
        let hash = low.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ high.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        (hash >> (64 - BUCKETS_LOG2)) as usize
    }

    /// The ids of the piece with this key, and how many they are.
    #[inline]
    pub(super) fn get(&self, key: u128) -> Option<([u32; INLINE], usize)> {
        let [first, second] = &self.buckets[Self::index(key)].0;
        let entry = if first.key == key { first } else { second };
        if entry.key != key {
            return None;
        }
        let mut ids = entry.ids;
        let count = (ids[0] >> COUNT_SHIFT) as usize;
        ids[0] &= (1 << COUNT_SHIFT) - 1;
        Some((ids, count))
    }

    pub(super) fn insert(&mut self, key: u128, ids: &[u32]) {
        let mut entry = Entry { key, ids: [0; INLINE] };
        entry.ids[..ids.len()].copy_from_slice(ids);
        entry.ids[0] |= (ids.len() as u32) << COUNT_SHIFT;
        let [first, second] = &mut self.buckets[Self::index(key)].0;
        // The first entry stays as long as it can: what comes early is what is frequent.
        *(if first.key == 0 { first } else { second }) = entry;
    }

    pub(super) fn get_long(&self, piece: &[u8]) -> Option<&[u32]> {
        self.long.get(piece).map(|ids| &**ids)
    }

    pub(super) fn insert_long(&mut self, piece: &[u8], ids: &[u32]) {
        if piece.len() > LONG {
            return;
        }
        self.long_ids += ids.len() + piece.len() / 4 + 8;
        if self.long_ids > LONG_IDS {
            self.long.clear();
            self.long_ids = 0;
        }
        self.long.insert(piece.into(), ids.into());
    }
}
