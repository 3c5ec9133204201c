//! Pieces by the batch: ids of known ones from a worker's cache, the others from a resolver.

use std::ops::Range;

use super::super::cache::{Cache, INLINE, SHORT, hash_of, key_at};
use super::super::scan::BATCH;
use crate::error::Result;

/// Stands for pieces that are too long for a key; no key has such a length in its last byte.
const NO_KEY: u128 = u128::MAX;

/// What says which ids a piece becomes that no cache knows.
pub(super) trait Resolve {
    /// Append the ids of `piece`.
    fn resolve(&mut self, piece: &str, ids: &mut Vec<u32>) -> Result<()>;
}

/// Where the pieces of a batch are in the text: the first `count` starts and ends.
pub(in crate::fast) struct Spans {
    pub(super) starts: [u32; BATCH],
    pub(super) ends: [u32; BATCH],
    /// Pieces that are whole.
    pub(super) count: usize,
    /// Whether one more has started.
    pub(super) open: bool,
}

impl Spans {
    pub(super) fn new() -> Self {
        Self { starts: [0; BATCH], ends: [0; BATCH], count: 0, open: false }
    }

    /// Forget everything.
    pub(super) fn clear(&mut self) {
        (self.count, self.open) = (0, false);
    }

    /// Number of whole pieces.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Append a piece; there must be less than a batch.
    pub(super) fn push(&mut self, piece: Range<usize>) {
        self.starts[self.count] = piece.start as u32;
        self.ends[self.count] = piece.end as u32;
        self.count += 1;
    }

    /// The bytes of a whole piece.
    pub(super) fn get(&self, index: usize) -> Range<usize> {
        self.starts[index] as usize..self.ends[index] as usize
    }

    /// Forget the whole pieces; the open one becomes the first.
    #[inline]
    pub(super) fn restart(&mut self) {
        if self.open {
            self.starts[0] = self.starts[self.count];
        }
        self.count = 0;
    }
}

/// Buffers of a batch.
struct Scratch {
    /// Keys and their hashes.
    keys: [(u128, u32); BATCH],
    /// Ids of the pieces that the hot table has.
    found: [u32; BATCH * INLINE],
    /// The other pieces.
    misses: Vec<Miss>,
    side: Vec<u32>,
}

/// A piece that the hot table does not have in place.
struct Miss {
    /// How many ids of other pieces of the batch come before.
    at: usize,
    piece: usize,
    /// Its ids, in `Scratch::side`.
    ids: Range<usize>,
}

/// What a worker keeps from call to call.
pub(in crate::fast) struct Memory {
    cache: Cache,
    scratch: Box<Scratch>,
    pub(super) spans: Box<Spans>,
}

impl Memory {
    pub(super) fn new() -> Self {
        let scratch = Scratch {
            keys: [(0, 0); BATCH],
            found: [0; BATCH * INLINE],
            misses: Vec::new(),
            side: Vec::new(),
        };
        Self { cache: Cache::new(), scratch: Box::new(scratch), spans: Box::new(Spans::new()) }
    }

    /// Append the ids of one piece.
    pub(super) fn push_one(
        &mut self,
        piece: &str,
        resolver: &mut impl Resolve,
        ids: &mut Vec<u32>,
    ) -> Result<()> {
        let bytes = piece.as_bytes();
        let from = ids.len();
        if bytes.len() > SHORT {
            if !self.cache.take_long(bytes, ids) {
                resolver.resolve(piece, ids)?;
                self.cache.insert_long(bytes, &ids[from..]);
            }
        } else if !bytes.is_empty() {
            let key = key_at(bytes, 0, bytes.len());
            if !self.cache.take(key, hash_of(key), ids) {
                resolver.resolve(piece, ids)?;
                self.cache.insert(key, hash_of(key), &ids[from..]);
            }
        }
        Ok(())
    }

    /// Append the ids of pieces `range` of the spans of `text`.
    pub(super) fn push_ids(
        &mut self,
        text: &str,
        range: Range<usize>,
        resolver: &mut impl Resolve,
        ids: &mut Vec<u32>,
    ) -> Result<()> {
        let Scratch { keys, found, misses, side } = &mut *self.scratch;
        let bytes = text.as_bytes();
        let (starts, ends) = (&self.spans.starts[range.clone()], &self.spans.ends[range]);
        let keys = &mut keys[..starts.len()];
        for (key, (&start, &end)) in keys.iter_mut().zip(starts.iter().zip(ends)) {
            let (start, length) = (start as usize, (end - start) as usize);
            let wide = if length <= SHORT { key_at(bytes, start, length) } else { NO_KEY };
            let hash = hash_of(wide);
            self.cache.prefetch_hot(hash);
            *key = (wide, hash);
        }
        let mut filled = 0;
        for (index, &(key, hash)) in keys.iter().enumerate() {
            if let Some((hit, length)) = self.cache.get_hot(key, hash)
                && let Some(target) = found.get_mut(filled..filled + INLINE)
            {
                target.copy_from_slice(&hit);
                filled += length;
            } else {
                self.cache.prefetch_back(hash);
                misses.push(Miss { at: filled, piece: index, ids: 0..0 });
            }
        }
        let result = misses.iter_mut().try_for_each(|miss| {
            let start = side.len();
            let (key, hash) = keys[miss.piece];
            let piece = starts[miss.piece] as usize..ends[miss.piece] as usize;
            if key == NO_KEY {
                if !self.cache.take_long(&bytes[piece.clone()], side) {
                    resolver.resolve(&text[piece.clone()], side)?;
                    self.cache.insert_long(&bytes[piece], &side[start..]);
                }
            } else if !self.cache.take(key, hash, side) {
                resolver.resolve(&text[piece], side)?;
                self.cache.insert(key, hash, &side[start..]);
            }
            miss.ids = start..side.len();
            Ok(())
        });
        let mut done = 0;
        for miss in misses.drain(..) {
            ids.extend_from_slice(&found[done..miss.at]);
            ids.extend_from_slice(&side[miss.ids]);
            done = miss.at;
        }
        ids.extend_from_slice(&found[done..filled]);
        side.clear();
        result
    }
}
