//! What pieces seen before became: bounded tables that a worker owns.
//!
//! Pieces of up to 15 bytes are their own key, 16 bytes wide, in two-way tables whose entries hold up to four ids in
//! place: one cache line per lookup. The hot table is small enough to stay in the processor's second-level cache; the
//! one behind it has what the hot one pushed out. Longer pieces are found by hash and compared. Ids and bytes that do
//! not fit into an entry go to arenas; when one is full, everything is forgotten. A worker's cache never takes more than some 12 MB.

use bytemuck::Zeroable;
use ferrolm_base::HugeBox;

use super::arch::prefetch;

/// Pieces up to this many bytes are their own key.
pub(super) const SHORT: usize = 15;
/// Ids that fit into an entry.
pub(super) const INLINE: usize = 4;
/// Pieces beyond this are merged anew each time: they hardly ever repeat.
const LONGEST: usize = 256;
/// Nor are more ids kept, which only text that a normalizer makes much longer has; a count must fit into 16 bits.
const MOST_IDS: usize = 4096;

/// Buckets of 64 bytes: 1 MB of the hot table, 4 MB of the one behind.
const HOT_LOG2: u32 = 14;
const BACK_LOG2: u32 = 16;
const LONG_LOG2: u32 = 16;
/// Ids and bytes that the arenas hold.
const ARENA_IDS: usize = 1 << 19;
const ARENA_BYTES: usize = 1 << 21;

/// The upper bits of the first id are the number of ids; this number means that they are in the arena.
const COUNT_SHIFT: u32 = 28;
const SPILLED: u32 = 15;
/// Ids must stay below this for their number to fit beside the first one.
pub(super) const MAX_ID_BOUND: usize = 1 << COUNT_SHIFT;

#[derive(Clone, Copy, Zeroable)]
#[repr(C, align(32))]
struct Entry {
    key: u128,
    ids: [u32; INLINE],
}

/// Two entries share a cache line.
#[derive(Clone, Copy, Zeroable)]
#[repr(C, align(64))]
struct Bucket([Entry; 2]);

#[derive(Clone, Copy, Default, Zeroable)]
struct Long {
    hash: u64,
    bytes: u32,
    ids: u32,
    length: u16,
    count: u16,
}

/// Vacant entries are zeros.
#[derive(Clone, Copy, Zeroable)]
#[repr(C)]
struct Tables {
    hot: [Bucket; 1 << HOT_LOG2],
    back: [Bucket; 1 << BACK_LOG2],
    long: [Long; 1 << LONG_LOG2],
}

pub(super) struct Cache {
    tables: HugeBox<Tables>,
    ids: Vec<u32>,
    bytes: Vec<u8>,
}

/// For each length, the bytes of a key that count; the length itself goes to the last byte.
const MASKS: [u128; 16] = {
    let mut masks = [0; 16];
    let mut length = 1;
    while length < 16 {
        masks[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    masks
};

/// The key of the piece of `length` bytes, 1 to 15, at `start` of `text`.
#[inline(always)]
pub(super) fn key_at(text: &[u8], start: usize, length: usize) -> u128 {
    let wide = match text.get(start..start + 16).and_then(|bytes| bytes.try_into().ok()) {
        Some(bytes) => u128::from_le_bytes(bytes),
        None => near_the_end(text, start),
    };
    wide & MASKS[length & 15] | (length as u128) << 120
}

#[cold]
fn near_the_end(text: &[u8], start: usize) -> u128 {
    let mut bytes = [0; 16];
    let rest = text.get(start..).unwrap_or_default();
    let length = rest.len().min(16);
    bytes[..length].copy_from_slice(&rest[..length]);
    u128::from_le_bytes(bytes)
}

/// A hash of a key, whose upper bits are its buckets.
#[inline(always)]
pub(super) fn hash_of(key: u128) -> u32 {
    let (low, high) = (key as u64, (key >> 64) as u64);
    let hash = low.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ high.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (hash >> 32) as u32
}

#[inline(always)]
fn hot_index(hash: u32) -> usize {
    (hash >> (32 - HOT_LOG2)) as usize
}

#[inline(always)]
fn back_index(hash: u32) -> usize {
    (hash >> (32 - BACK_LOG2)) as usize
}

impl Cache {
    pub(super) fn new() -> Self {
        Self { tables: HugeBox::zeroed(), ids: Vec::new(), bytes: Vec::new() }
    }

    /// Forget everything when the arenas cannot take so much more.
    fn make_room(&mut self, ids: usize, bytes: usize) {
        if self.ids.len() + ids > ARENA_IDS || self.bytes.len() + bytes > ARENA_BYTES {
            self.tables = HugeBox::zeroed();
            self.ids.clear();
            self.bytes.clear();
        }
    }

    /// Bring the hot bucket of a hash near.
    #[inline(always)]
    pub(super) fn prefetch_hot(&self, hash: u32) {
        prefetch(&self.tables.hot, hot_index(hash));
    }

    /// Bring the other bucket of a hash near.
    #[inline(always)]
    pub(super) fn prefetch_back(&self, hash: u32) {
        prefetch(&self.tables.back, back_index(hash));
    }

    /// The entry of a key in the hot table, if it has its ids in place: up to four ids and how many they are.
    #[inline(always)]
    pub(super) fn get_hot(&self, key: u128, hash: u32) -> Option<([u32; INLINE], usize)> {
        let [first, second] = &self.tables.hot[hot_index(hash)].0;
        let entry = if first.key == key { first } else { second };
        if entry.key != key {
            return None;
        }
        let mut ids = entry.ids;
        let count = ids[0] >> COUNT_SHIFT;
        ids[0] &= (1 << COUNT_SHIFT) - 1;
        (count != SPILLED).then_some((ids, count as usize))
    }

    /// Append the ids of a key from either table; false if neither has it.
    pub(super) fn take(&mut self, key: u128, hash: u32, ids: &mut Vec<u32>) -> bool {
        let find = |bucket: &Bucket| bucket.0.iter().find(|entry| entry.key == key).copied();
        let entry = match find(&self.tables.hot[hot_index(hash)]) {
            Some(entry) => entry,
            None => match find(&self.tables.back[back_index(hash)]) {
                Some(entry) => {
                    self.warm(entry, hash);
                    entry
                }
                None => return false,
            },
        };
        let count = entry.ids[0] >> COUNT_SHIFT;
        if count == SPILLED {
            ids.extend_from_slice(&self.ids[entry.ids[1] as usize..entry.ids[2] as usize]);
        } else {
            // A piece may have no ids at all. All four and then less is faster than a call that copies some.
            let mut all = entry.ids;
            all[0] &= (1 << COUNT_SHIFT) - 1;
            let end = ids.len() + count as usize;
            ids.extend_from_slice(&all);
            ids.truncate(end);
        }
        true
    }

    /// Put an entry first into its hot bucket; the second one is pushed out.
    fn warm(&mut self, entry: Entry, hash: u32) {
        let [first, second] = &mut self.tables.hot[hot_index(hash)].0;
        *second = std::mem::replace(first, entry);
    }

    /// Put a token that stands for its own bytes into the hot table only: other tables have it.
    pub(super) fn warm_token(&mut self, key: u128, hash: u32, id: u32) {
        self.warm(Entry { key, ids: [id | 1 << COUNT_SHIFT, 0, 0, 0] }, hash);
    }

    pub(super) fn insert(&mut self, key: u128, hash: u32, ids: &[u32]) {
        if ids.len() > MOST_IDS {
            return;
        }
        let mut entry = Entry { key, ids: [0; INLINE] };
        if ids.len() <= INLINE {
            entry.ids[..ids.len()].copy_from_slice(ids);
            entry.ids[0] |= (ids.len() as u32) << COUNT_SHIFT;
        } else {
            self.make_room(ids.len(), 0);
            let start = self.ids.len() as u32;
            self.ids.extend_from_slice(ids);
            entry.ids = [SPILLED << COUNT_SHIFT, start, self.ids.len() as u32, 0];
        }
        self.warm(entry, hash);
        let [first, second] = &mut self.tables.back[back_index(hash)].0;
        // The first entry stays: what came early is what is frequent.
        *(if first.key == 0 { first } else { second }) = entry;
    }

    /// Append the ids of a piece of more than [`SHORT`] bytes; false if it is not known.
    pub(super) fn take_long(&self, piece: &[u8], ids: &mut Vec<u32>) -> bool {
        let found = self.get_long(piece);
        ids.extend_from_slice(found.unwrap_or_default());
        found.is_some()
    }

    fn get_long(&self, piece: &[u8]) -> Option<&[u32]> {
        let hash = hash_long(piece);
        let entry = &self.tables.long[(hash >> (64 - LONG_LOG2)) as usize];
        if entry.hash != hash || usize::from(entry.length) != piece.len() {
            return None;
        }
        let bytes = self.bytes.get(entry.bytes as usize..entry.bytes as usize + piece.len())?;
        let ids = self.ids.get(entry.ids as usize..entry.ids as usize + usize::from(entry.count))?;
        (bytes == piece).then_some(ids)
    }

    pub(super) fn insert_long(&mut self, piece: &[u8], ids: &[u32]) {
        if piece.len() > LONGEST || ids.len() > MOST_IDS {
            return;
        }
        self.make_room(ids.len(), piece.len());
        let hash = hash_long(piece);
        self.tables.long[(hash >> (64 - LONG_LOG2)) as usize] = Long {
            hash,
            bytes: self.bytes.len() as u32,
            ids: self.ids.len() as u32,
            length: piece.len() as u16,
            count: ids.len() as u16,
        };
        self.bytes.extend_from_slice(piece);
        self.ids.extend_from_slice(ids);
    }
}

/// Eight bytes at a time; the last eight may overlap the ones before.
#[inline]
pub(super) fn hash_long(piece: &[u8]) -> u64 {
    let word = |bytes: &[u8]| bytes.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk));
    let mut hash = piece.len() as u64;
    let mut mix = |word: u64| {
        hash = (hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 32;
    };
    piece.chunks_exact(8).for_each(|chunk| mix(word(chunk)));
    mix(piece.last_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk)));
    hash.wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(cache: &mut Cache, word: &[u8]) -> Option<Vec<u32>> {
        let key = key_at(word, 0, word.len());
        let mut ids = Vec::new();
        cache.take(key, hash_of(key), &mut ids).then_some(ids)
    }

    #[test]
    fn what_is_found_is_what_was_put_in_whatever_was_forgotten() {
        let mut cache = Cache::new();
        for number in 0..200_000u32 {
            let word = format!("{number:x}");
            let expected: Vec<u32> = (0..=number % 7).map(|index| number + index).collect();
            let key = key_at(word.as_bytes(), 0, word.len());
            cache.insert(key, hash_of(key), &expected);
            assert_eq!(ids(&mut cache, word.as_bytes()), Some(expected.clone()));
            if let Some((found, count)) = cache.get_hot(key, hash_of(key)) {
                assert_eq!(found[..count], expected);
            }
            let long = word.repeat(16);
            cache.insert_long(long.as_bytes(), &expected);
            assert_eq!(cache.get_long(long.as_bytes()), Some(&*expected));
            if let Some(found) = ids(&mut cache, format!("{:x}", number / 2).as_bytes()) {
                assert_eq!(found[0], number / 2);
            }
        }
        assert!(cache.ids.len() <= ARENA_IDS && cache.bytes.len() <= ARENA_BYTES);
    }

    #[test]
    fn what_became_very_many_ids_is_not_kept() {
        let mut cache = Cache::new();
        let many = vec![1; (1 << 16) + 1];
        cache.insert(key_at(b"a", 0, 1), hash_of(key_at(b"a", 0, 1)), &many);
        cache.insert_long(&[b'a'; 45], &many);
        assert_eq!((ids(&mut cache, b"a"), cache.get_long(&[b'a'; 45])), (None, None));
    }

    #[test]
    fn keys_tell_length_and_bytes_apart() {
        let text = b"abcdefghijklmnopqrstuvwxyz";
        assert_eq!(key_at(text, 0, 3), key_at(b"abc", 0, 3));
        assert_ne!(key_at(b"a\0", 0, 2), key_at(b"a", 0, 1));
        assert_eq!(key_at(text, 20, 6), key_at(b"uvwxyz", 0, 6));
    }
}
