//! The pieces of a batch that no table has: cut at seams, looked up part by part, merged together.

use std::ops::Range;

use super::cache::{Cache, SHORT, hash_of, key_at};
use super::prepared::Prepared;
use crate::model::bpe::Merges;

/// Parts that are looked at together; a piece of more is dealt with in several goes.
const MOST: usize = 4096;

/// What is known of the parts of pieces.
#[derive(Default)]
pub(super) struct Unseen {
    parts: Vec<Part>,
    merging: Vec<Merging>,
    ids: Vec<u32>,
}

/// One part of a piece.
pub(super) struct Part {
    /// The number of the piece.
    pub(super) piece: usize,
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    text: Range<usize>,
    key: u128,
    hash: u32,
    ids: Range<usize>,
}

/// A part that must be merged, and whether a table shall keep it.
struct Merging {
    part: usize,
    text: Range<usize>,
    keep: bool,
}

impl Part {
    fn is_whole(&self) -> bool {
        self.is_first && self.is_last
    }

    fn is_short(&self) -> bool {
        self.text.len() <= SHORT
    }
}

impl Unseen {
    /// Take the parts of a piece from `from` on; returns where it stopped for lack of room, or the piece's end.
    pub(super) fn push(
        &mut self,
        prepared: &Prepared,
        cache: &Cache,
        text: &[u8],
        number: usize,
        piece: Range<usize>,
        from: usize,
    ) -> usize {
        let mut start = from;
        while start < piece.end && self.parts.len() < MOST {
            let end = piece.start + prepared.seams.next(&text[piece.clone()], start - piece.start);
            let (is_first, is_last) = (start == piece.start, end == piece.end);
            let mut part =
                Part { piece: number, is_first, is_last, text: start..end, key: 0, hash: 0, ids: 0..0 };
            if part.is_short() && !part.is_whole() {
                part.key = key_at(text, start, end - start);
                part.hash = hash_of(part.key);
                cache.prefetch_hot(part.hash);
                cache.prefetch_back(part.hash);
                prepared.tokens.prefetch(part.hash);
            }
            self.parts.push(part);
            start = end;
        }
        start
    }

    /// Find the ids of all parts.
    pub(super) fn resolve(&mut self, prepared: &Prepared, merges: &Merges, cache: &mut Cache, text: &[u8]) {
        let Self { parts, merging, ids } = self;
        for (index, part) in parts.iter_mut().enumerate() {
            let start = ids.len();
            let bytes = &text[part.text.clone()];
            let whole = prepared.whole(bytes);
            let known = match whole {
                Some(id) if part.is_whole() => {
                    ids.push(id);
                    true
                }
                // As a part it is not what it is as a whole, and the tables have that.
                Some(_) => false,
                None if part.is_whole() => false,
                None if part.is_short() => prepared.take(cache, part.key, part.hash, ids),
                None => cache.take_long(bytes, ids),
            };
            part.ids = start..ids.len();
            if !known {
                let keep = whole.is_none() && !part.is_whole();
                merging.push(Merging { part: index, text: part.text.clone(), keep });
            }
        }
        // Neighbours of like length are done at the same time.
        merging.sort_unstable_by_key(|merging| merging.text.len());
        let mut each = merging.iter();
        let pieces = merging.iter().map(|merging| &text[merging.text.clone()]);
        prepared.merges.merge_all(merges, pieces, ids, |range| {
            if let Some(merging) = each.next() {
                parts[merging.part].ids = range;
            }
        });
        for merging in merging.drain(..).filter(|merging| merging.keep) {
            let part = &parts[merging.part];
            let ids = &ids[part.ids.clone()];
            if part.is_short() {
                cache.insert(part.key, part.hash, ids);
            } else {
                cache.insert_long(&text[merging.text], ids);
            }
        }
    }

    /// The parts in order and their ids; forgets them.
    pub(super) fn drain(&mut self, mut emit: impl FnMut(&Part, &[u32])) {
        for part in self.parts.drain(..) {
            emit(&part, &self.ids[part.ids.clone()]);
        }
        self.ids.clear();
    }
}
