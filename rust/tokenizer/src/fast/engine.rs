//! Text to ids: boundaries by the batch, pieces from the cache, merges for the rest.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::cache::{Cache, INLINE, MAX_ID_BOUND, SHORT, Seed, hash_of, key_at};
use super::caches::Caches;
use super::merge::ByteMerges;
use super::reach::Reached;
use super::scan::{BATCH, ByWords, DeepSeek, Gpt2, Pattern, Scanner};
use super::seams::Seams;
use crate::byte_level::{BYTE_TO_CHAR, byte_of, spell};
use crate::model::Bpe;
use crate::split::Family;

/// Byte-level BPE whose vocabulary has all 256 bytes, so that no text is unknown.
pub(crate) struct ByteEngine {
    bpe: Arc<Bpe>,
    family: Family,
    /// The token of each byte.
    bytes: [u32; 256],
    words: OnceLock<Words>,
    /// The bytes that each token stands for.
    lengths: OnceLock<Box<[u32]>>,
    caches: Caches<Memory>,
}

impl fmt::Debug for ByteEngine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ByteEngine").finish_non_exhaustive()
    }
}

/// What is worked out from the model at the first use.
struct Words {
    merges: ByteMerges,
    /// The vocabulary's own words, those that merging reaches.
    seed: Seed,
    seams: Seams,
    /// Some token is not what merging makes of its bytes: it stands for a piece as a whole, never for a part of one.
    parts_differ: bool,
}

/// Stands for pieces that are too long for a key; no key has such a length in its last byte, and vacant entries are
/// all zeros.
const NO_KEY: u128 = u128::MAX;

/// Tells the key of a part from that of the same bytes as a whole, where that makes a difference.
const PART: u128 = 1 << 127;

/// A worker's state during a call.
struct Worker<'a> {
    engine: &'a ByteEngine,
    words: &'a Words,
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
    /// How many ids each piece has, where that is asked for.
    counts: [u32; BATCH],
    /// The other pieces, their ids, and which of them no table has.
    misses: Vec<Miss>,
    side: Vec<u32>,
    unknown: Vec<usize>,
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
        let mut bytes = [0; 256];
        let mut buffer = [0; 4];
        for (id, character) in bytes.iter_mut().zip(BYTE_TO_CHAR) {
            *id = bpe.vocabulary().id(character.encode_utf8(&mut buffer))?;
        }
        let (words, lengths) = (OnceLock::new(), OnceLock::new());
        Some(Self { bpe: bpe.clone(), family, bytes, words, lengths, caches: Caches::new() })
    }

    pub(crate) fn family(&self) -> Family {
        self.family
    }

    pub(crate) fn prepare(&self) {
        self.words();
    }

    /// How many bytes each token stands for, by its id.
    pub(crate) fn lengths(&self) -> &[u32] {
        self.lengths.get_or_init(|| self.bpe.vocabulary().lengths().into())
    }

    fn words(&self) -> &Words {
        self.words.get_or_init(|| {
            let merges = ByteMerges::new(self.bpe.merges(), &self.bytes);
            let reached = Reached::new(&self.bpe, &self.bytes);
            let ignore_merges = self.bpe.options().ignore_merges;
            let is_reached = |id| ignore_merges || reached.as_ref().is_some_and(|reached| reached.get(id));
            let vocabulary = self.bpe.vocabulary();
            let all = |reached: &Reached| reached.all(vocabulary.iter().map(|(id, _)| id));
            let exact = !ignore_merges || reached.as_ref().is_some_and(all);
            let words = vocabulary.iter().filter(|&(id, _)| is_reached(id));
            Words { merges, seed: Seed::new(words), seams: self.seams(), parts_differ: !exact }
        })
    }

    fn seams(&self) -> Seams {
        Seams::new(|emit| {
            let mut bytes = Vec::new();
            for (_, token) in self.bpe.vocabulary().iter() {
                bytes.clear();
                bytes.extend(token.chars().map_while(byte_of));
                emit(&bytes);
            }
        })
    }

    /// Append the ids of `text`, one stretch between added tokens, shorter than 4 GiB.
    pub(crate) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        self.each_batch(text, |worker, bytes, count| worker.pieces::<false>(bytes, count, ids));
    }

    /// Emit where pieces of such a text start, batch by batch, each batch with the end of its last piece.
    pub(crate) fn bounds(&self, text: &str, mut emit: impl FnMut(&[u32])) {
        self.each_batch(text, |worker, _, count| emit(&worker.scratch.bounds[..=count]));
    }

    fn each_batch(&self, text: &str, work: impl FnMut(&mut Worker<'_>, &[u8], usize)) {
        let words = self.words();
        let memory = || Memory { cache: Cache::new(&words.seed), scratch: Scratch::default() };
        self.caches.with(memory, |Memory { cache, scratch }| {
            let mut worker = Worker { engine: self, words, cache, scratch };
            match self.family.words() {
                Some(words) if words.cased => worker.batches(text, ByWords::<true>(words), work),
                Some(words) => worker.batches(text, ByWords::<false>(words), work),
                None if self.family == Family::DeepSeek => worker.batches(text, DeepSeek, work),
                None => worker.batches(text, Gpt2, work),
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
            counts: [0; BATCH],
            misses: Vec::new(),
            side: Vec::new(),
            unknown: Vec::new(),
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

impl ByteEngine {
    fn merge(&self, words: &Words, piece: &[u8], ids: &mut Vec<u32>) {
        if self.bpe.options().ignore_merges
            && let Some(id) = self.bpe.vocabulary().id(&spell(piece))
        {
            ids.push(id);
        } else {
            words.merges.merge(self.bpe.merges(), piece, ids);
        }
    }

    /// Append the ids of two pieces; returns where those of the second start.
    fn merge_two(&self, words: &Words, first: &[u8], second: &[u8], ids: &mut Vec<u32>) -> usize {
        if self.bpe.options().ignore_merges {
            self.merge(words, first, ids);
            let middle = ids.len();
            self.merge(words, second, ids);
            return middle;
        }
        words.merges.merge_two(self.bpe.merges(), [first, second], ids)
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

    /// Append the ids of the first `count` pieces of the bounds; with `COUNTS`, note how many each has.
    fn pieces<const COUNTS: bool>(&mut self, text: &[u8], count: usize, ids: &mut Vec<u32>) {
        let Scratch { bounds, keys, found, misses, counts, .. } = &mut *self.scratch;
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
                if COUNTS {
                    counts[index] = length as u32;
                }
            } else {
                self.cache.prefetch_back(hash);
                misses.push(Miss { at: filled, piece: index, ids: 0..0 });
            }
        }
        if misses.is_empty() {
            ids.extend_from_slice(&found[..filled]);
            return;
        }
        self.resolve(text);
        let Scratch { found, misses, side, counts, .. } = &mut *self.scratch;
        let mut out = Out::new(ids, filled + misses.iter().map(|miss| miss.ids.len()).sum::<usize>());
        side.extend([0; INLINE]);
        let mut done = 0;
        for miss in misses.drain(..) {
            if COUNTS {
                counts[miss.piece] = miss.ids.len() as u32;
            }
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
                self.cache.take(key, hash, side)
            };
            miss.ids = start..side.len();
            if !known {
                unknown.push(index);
            }
        }
        unknown.retain(|&index| {
            let Miss { piece: at, ids, .. } = &mut misses[index];
            let whole = piece(*at);
            let end = self.words.seams.next(whole, 0);
            if end == whole.len() {
                return true;
            }
            let start = side.len();
            Parts { engine: self.engine, words: self.words, cache: self.cache }.push(whole, end, side);
            *ids = start..side.len();
            insert(self.cache, keys[*at], whole, &side[start..], &self.words.seed);
            false
        });
        for pair in unknown.chunks(2) {
            let (start, first) = (side.len(), misses[pair[0]].piece);
            if let [_, other] = pair {
                let second = misses[*other].piece;
                let middle = self.engine.merge_two(self.words, piece(first), piece(second), side);
                misses[pair[0]].ids = start..middle;
                misses[*other].ids = middle..side.len();
            } else {
                self.engine.merge(self.words, piece(first), side);
                misses[pair[0]].ids = start..side.len();
            }
            for &index in pair {
                let Miss { piece: at, ids, .. } = &misses[index];
                insert(self.cache, keys[*at], piece(*at), &side[ids.clone()], &self.words.seed);
            }
        }
        unknown.clear();
    }
}

fn insert(cache: &mut Cache, (key, hash): (u128, u32), piece: &[u8], ids: &[u32], seed: &Seed) {
    if key == NO_KEY { cache.insert_long(piece, ids, seed) } else { cache.insert(key, hash, ids, seed) }
}

/// A piece that no cache knows, part by part.
struct Parts<'a> {
    engine: &'a ByteEngine,
    words: &'a Words,
    cache: &'a mut Cache,
}

impl Parts<'_> {
    /// Append the ids of `piece`, whose first seam is at `end`.
    fn push(&mut self, piece: &[u8], mut end: usize, ids: &mut Vec<u32>) {
        let mut start = 0;
        while start < piece.len() {
            self.push_part(piece, start..end, ids);
            start = end;
            end = self.words.seams.next(piece, end);
        }
    }

    fn push_part(&mut self, piece: &[u8], part: Range<usize>, ids: &mut Vec<u32>) {
        let before = ids.len();
        let merges = self.engine.bpe.merges();
        let differ = self.words.parts_differ;
        if part.len() > SHORT {
            if differ || !self.cache.take_long(&piece[part.clone()], ids) {
                self.words.merges.merge(merges, &piece[part.clone()], ids);
                if !differ {
                    self.cache.insert_long(&piece[part], &ids[before..], &self.words.seed);
                }
            }
            return;
        }
        let key = key_at(piece, part.start, part.len()) | if differ { PART } else { 0 };
        let hash = hash_of(key);
        if !self.cache.take(key, hash, ids) {
            self.words.merges.merge(merges, &piece[part], ids);
            self.cache.insert(key, hash, &ids[before..], &self.words.seed);
        }
    }
}
