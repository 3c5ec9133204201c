//! Text to ids: boundaries by the batch, pieces from the cache, merges for the rest.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::cache::{Cache, INLINE, MAX_ID_BOUND, SHORT, hash_of, key_at};
use super::caches::Caches;
use super::prepared::Prepared;
use super::scan::{BATCH, ByWords, DeepSeek, Gpt2, Pattern, Scanner};
use super::unseen::Unseen;
use crate::byte_level::BYTE_TO_CHAR;
use crate::model::Bpe;
use crate::split::Family;

/// Byte-level BPE whose vocabulary has all bytes that UTF-8 has, so that no text is unknown.
pub(crate) struct ByteEngine {
    bpe: Arc<Bpe>,
    family: Family,
    /// The token of each byte; that of the space for bytes that never occur.
    bytes: [u32; 256],
    prepared: OnceLock<Prepared>,
    /// The bytes that each token stands for.
    lengths: OnceLock<Box<[u32]>>,
    caches: Caches<Memory>,
}

impl fmt::Debug for ByteEngine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ByteEngine").finish_non_exhaustive()
    }
}

/// Stands for pieces that are too long for a key; no key has such a length in its last byte, and vacant entries are
/// all zeros.
const NO_KEY: u128 = u128::MAX;

/// A worker's state during a call.
struct Worker<'a> {
    engine: &'a ByteEngine,
    prepared: &'a Prepared,
    cache: &'a mut Cache,
    scratch: &'a mut Scratch,
}

/// Buffers of a batch of pieces.
struct Scratch {
    starts: [u32; BATCH],
    /// One more than a batch: the end of its last piece.
    bounds: [u32; BATCH + 1],
    /// Keys and their hashes.
    keys: [(u128, u32); BATCH],
    /// Ids of the pieces that the hot table has.
    found: [u32; (BATCH + 1) * INLINE],
    /// The other pieces, their ids, and which of them no table has.
    misses: Vec<Miss>,
    side: Vec<u32>,
    unknown: Vec<usize>,
    unseen: Unseen,
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
pub(super) struct Memory {
    cache: Cache,
    scratch: Scratch,
}

impl ByteEngine {
    /// None if the vocabulary or the options need the general path.
    pub(crate) fn new(bpe: &Arc<Bpe>, family: Family) -> Option<Self> {
        let options = bpe.options();
        let plain = |affix: &Option<String>| affix.as_deref().unwrap_or("").is_empty();
        if bpe.is_random()
            || !plain(&options.continuing_subword_prefix)
            || !plain(&options.end_of_word_suffix)
            || bpe.vocabulary().id_bound() >= MAX_ID_BOUND
            || bpe.vocabulary().has_shared_ids()
            || bpe.is_random()
        {
            return None;
        }
        let token = |byte: u8| bpe.vocabulary().id(BYTE_TO_CHAR[usize::from(byte)].encode_utf8(&mut [0; 4]));
        let mut bytes = [token(b' ')?; 256];
        for (byte, id) in (0..=u8::MAX).zip(&mut bytes) {
            // A vocabulary that was learned without the whole alphabet lacks what it has never seen.
            match token(byte) {
                Some(token) => *id = token,
                None if matches!(byte, 0xC0 | 0xC1 | 0xF5..) => {}
                None => return None,
            }
        }
        let (prepared, lengths) = (OnceLock::new(), OnceLock::new());
        Some(Self { bpe: bpe.clone(), family, bytes, prepared, lengths, caches: Caches::new() })
    }

    pub(crate) fn family(&self) -> Family {
        self.family
    }

    pub(crate) fn prepare(&self) {
        self.prepared();
    }

    /// How many bytes each token stands for, by its id.
    pub(crate) fn lengths(&self) -> &[u32] {
        self.lengths.get_or_init(|| self.bpe.vocabulary().lengths().into())
    }

    fn prepared(&self) -> &Prepared {
        self.prepared.get_or_init(|| Prepared::new(&self.bpe, &self.bytes))
    }

    /// Append the ids of `text`, one stretch between added tokens, shorter than 4 GiB.
    pub(crate) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        self.each_batch(text, |worker, bytes, count| worker.pieces(bytes, count, ids));
    }

    /// Emit where pieces of such a text start, batch by batch, each batch with the end of its last piece.
    pub(crate) fn bounds(&self, text: &str, mut emit: impl FnMut(&[u32])) {
        self.each_batch(text, |worker, _, count| emit(&worker.scratch.bounds[..=count]));
    }

    fn each_batch(&self, text: &str, work: impl FnMut(&mut Worker<'_>, &[u8], usize)) {
        let prepared = self.prepared();
        let memory = || Memory { cache: Cache::new(), scratch: Scratch::default() };
        self.caches.with(memory, |Memory { cache, scratch }| {
            let mut worker = Worker { engine: self, prepared, cache, scratch };
            match self.family.words() {
                Some(words) if words.cased => worker.batches(text, ByWords::<true>(words), work),
                Some(words) => worker.batches(text, ByWords::<false>(words), work),
                None if self.family == Family::DeepSeek => worker.batches(text, DeepSeek, work),
                None if self.family == Family::Gpt2Digits => worker.batches(text, Gpt2::<true>, work),
                None => worker.batches(text, Gpt2::<false>, work),
            }
        });
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            starts: [0; BATCH],
            bounds: [0; BATCH + 1],
            keys: [(0, 0); BATCH],
            found: [0; (BATCH + 1) * INLINE],
            misses: Vec::new(),
            side: Vec::new(),
            unknown: Vec::new(),
            unseen: Unseen::default(),
        }
    }
}

/// The end of a vector, written a few ids at a time: calls of `memcpy` for two or three take longer.
struct Out<'a> {
    ids: &'a mut Vec<u32>,
    at: usize,
    end: usize,
}

impl<'a> Out<'a> {
    /// Room for `count` more.
    fn new(ids: &'a mut Vec<u32>, count: usize) -> Self {
        let at = ids.len();
        ids.resize(at + count + INLINE, 0);
        Self { ids, at, end: at + count }
    }

    /// `from` must go on for a few ids after the range; what is copied of those is written over.
    #[inline(always)]
    fn copy(&mut self, from: &[u32], range: Range<usize>) {
        let length = range.len();
        let (mut source, mut target) = (range.start, self.at);
        while source < range.end {
            if let (Some(from), Some(to)) =
                (from.get(source..source + INLINE), self.ids.get_mut(target..target + INLINE))
            {
                to.copy_from_slice(from);
            }
            source += INLINE;
            target += INLINE;
        }
        self.at += length;
    }
}

impl Drop for Out<'_> {
    fn drop(&mut self) {
        self.ids.truncate(self.end);
    }
}

impl Worker<'_> {
    /// Call `work` with the number of pieces of each batch; their bounds are in the scratch.
    fn batches<P: Pattern>(&mut self, text: &str, pattern: P, mut work: impl FnMut(&mut Self, &[u8], usize)) {
        let bytes = text.as_bytes();
        let mut scanner = Scanner::with_best(text, pattern);
        let mut waiting = 0;
        loop {
            let Scratch { starts, bounds, .. } = &mut *self.scratch;
            let count = scanner.fill(starts);
            // The last piece of the batch before waited for its end.
            let end = if count > 0 { starts[0] } else { bytes.len() as u32 };
            if waiting > 0 {
                bounds[waiting] = end;
                work(self, bytes, waiting);
            }
            if count == 0 {
                return;
            }
            let Scratch { starts, bounds, .. } = &mut *self.scratch;
            bounds[..count].copy_from_slice(&starts[..count]);
            waiting = count;
        }
    }

    /// Append the ids of the first `count` pieces of the bounds.
    fn pieces(&mut self, text: &[u8], count: usize, ids: &mut Vec<u32>) {
        let Scratch { bounds, keys, found, misses, .. } = &mut *self.scratch;
        let (bounds, keys) = (&bounds[..=count], &mut keys[..count]);
        for (key, bound) in keys.iter_mut().zip(bounds.windows(2)) {
            let (start, length) = (bound[0] as usize, (bound[1] - bound[0]) as usize);
            let wide = if length <= SHORT { key_at(text, start, length) } else { NO_KEY };
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
                self.prepared.tokens.prefetch(hash);
                misses.push(Miss { at: filled, piece: index, ids: 0..0 });
            }
        }
        if misses.is_empty() {
            ids.extend_from_slice(&found[..filled]);
            return;
        }
        self.resolve(text);
        let Scratch { found, misses, side, .. } = &mut *self.scratch;
        let mut out = Out::new(ids, filled + misses.iter().map(|miss| miss.ids.len()).sum::<usize>());
        side.extend([0; INLINE]);
        let mut done = 0;
        for miss in misses.drain(..) {
            out.copy(found, done..miss.at);
            out.copy(side, miss.ids);
            done = miss.at;
        }
        out.copy(found, done..filled);
        side.clear();
    }

    /// Find the ids of the pieces that the hot table did not have in place.
    fn resolve(&mut self, text: &[u8]) {
        let Scratch { bounds, keys, misses, side, unknown, .. } = &mut *self.scratch;
        let piece = |index: usize| &text[bounds[index] as usize..bounds[index + 1] as usize];
        for (index, miss) in misses.iter_mut().enumerate() {
            let start = side.len();
            let (key, hash) = keys[miss.piece];
            let known = if key == NO_KEY {
                self.cache.take_long(piece(miss.piece), side)
            } else {
                self.prepared.take(self.cache, key, hash, side)
            };
            miss.ids = start..side.len();
            if !known {
                unknown.push(index);
            }
        }
        let mut unknown = std::mem::take(unknown);
        for index in unknown.drain(..) {
            self.unseen(text, index);
        }
        self.settle(text);
        self.scratch.unknown = unknown;
    }

    /// Note the parts of a piece that no table has.
    fn unseen(&mut self, text: &[u8], index: usize) {
        let Scratch { bounds, misses, .. } = &*self.scratch;
        let number = misses[index].piece;
        let piece = bounds[number] as usize..bounds[number + 1] as usize;
        let mut from = piece.start;
        loop {
            let unseen = &mut self.scratch.unseen;
            from = unseen.push(self.prepared, self.cache, text, index, piece.clone(), from);
            if from == piece.end {
                return;
            }
            self.settle(text);
        }
    }

    /// Find the ids of the parts noted so far, and keep those of pieces that are complete.
    fn settle(&mut self, text: &[u8]) {
        let Self { engine, prepared, cache, scratch } = self;
        let Scratch { bounds, keys, misses, side, unseen, .. } = &mut **scratch;
        unseen.resolve(prepared, engine.bpe.merges(), cache, text);
        unseen.drain(|part, ids| {
            let miss = &mut misses[part.piece];
            // Of a piece that was begun before, the ids so far are the last ones.
            if part.is_first {
                miss.ids = side.len()..side.len();
            }
            side.extend_from_slice(ids);
            miss.ids.end = side.len();
            if part.is_last {
                let piece = &text[bounds[miss.piece] as usize..bounds[miss.piece + 1] as usize];
                let ((key, hash), ids) = (keys[miss.piece], &side[miss.ids.clone()]);
                if key == NO_KEY {
                    cache.insert_long(piece, ids);
                } else {
                    cache.insert(key, hash, ids);
                }
            }
        });
    }
}
