//! Text to ids: boundaries by the batch, pieces from the cache, merges for the rest.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::cache::{Cache, INLINE, MAX_ID_BOUND, SHORT, Seed, hash_of, key_at};
use super::caches::Caches;
use super::merge::ByteMerges;
use super::reach::Reached;
use super::scan::{BATCH, Scanner};
use crate::byte_level::{BYTE_TO_CHAR, spell};
use crate::model::Bpe;

/// Byte-level BPE whose vocabulary has all 256 bytes, so that no text is unknown.
pub(crate) struct ByteEngine {
    bpe: Arc<Bpe>,
    /// The token of each byte.
    bytes: [u32; 256],
    words: OnceLock<Words>,
    caches: Caches,
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
}

/// Stands for pieces that are too long for a key; no key has such a length in its last byte, and vacant entries are
/// all zeros.
const NO_KEY: u128 = u128::MAX;

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
    /// Ids of the pieces so far.
    found: [u32; BATCH * INLINE],
}

/// What a worker keeps from call to call.
pub(super) struct Memory {
    cache: Cache,
    scratch: Scratch,
}

impl ByteEngine {
    /// None if the vocabulary or the options need the general path.
    pub(crate) fn new(bpe: &Arc<Bpe>) -> Option<Self> {
        let options = bpe.options();
        let plain = |affix: &Option<String>| affix.as_deref().unwrap_or("").is_empty();
        if !plain(&options.continuing_subword_prefix)
            || !plain(&options.end_of_word_suffix)
            || bpe.vocabulary().id_bound() >= MAX_ID_BOUND
        {
            return None;
        }
        let mut bytes = [0; 256];
        let mut buffer = [0; 4];
        for (id, character) in bytes.iter_mut().zip(BYTE_TO_CHAR) {
            *id = bpe.vocabulary().id(character.encode_utf8(&mut buffer))?;
        }
        Some(Self { bpe: bpe.clone(), bytes, words: OnceLock::new(), caches: Caches::new() })
    }

    pub(crate) fn prepare(&self) {
        self.words();
    }

    fn words(&self) -> &Words {
        self.words.get_or_init(|| {
            let merges = ByteMerges::new(self.bpe.merges(), &self.bytes);
            let reached = Reached::new(&self.bpe, &self.bytes);
            let ignore_merges = self.bpe.options().ignore_merges;
            let is_reached = |id| ignore_merges || reached.as_ref().is_some_and(|reached| reached.get(id));
            let words = self.bpe.vocabulary().iter().filter(|&(id, _)| is_reached(id));
            Words { merges, seed: Seed::new(words) }
        })
    }

    /// Append the ids of `text`, one stretch between added tokens, shorter than 4 GiB.
    pub(crate) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let words = self.words();
        let memory = || Memory {
            cache: Cache::new(&words.seed),
            scratch: Scratch {
                starts: [0; BATCH],
                bounds: [0; BATCH + 1],
                keys: [(0, 0); BATCH],
                found: [0; BATCH * INLINE],
            },
        };
        self.caches.with(memory, |Memory { cache, scratch }| {
            Worker { engine: self, words, cache, scratch }.encode(text, ids);
        });
    }
}

impl Worker<'_> {
    fn encode(&mut self, text: &str, ids: &mut Vec<u32>) {
        let bytes = text.as_bytes();
        let mut scanner = Scanner::with_best(text);
        let mut waiting = 0;
        loop {
            let Scratch { starts, bounds, .. } = &mut *self.scratch;
            let count = scanner.fill(starts);
            // The last piece of the batch before waited for its end.
            let end = if count > 0 { starts[0] } else { bytes.len() as u32 };
            if waiting > 0 {
                bounds[waiting] = end;
                self.pieces(bytes, waiting, ids);
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
        let Scratch { bounds, keys, found, .. } = &mut *self.scratch;
        let (bounds, keys) = (&bounds[..=count], &mut keys[..count]);
        for (key, bound) in keys.iter_mut().zip(bounds.windows(2)) {
            let (start, length) = (bound[0] as usize, (bound[1] - bound[0]) as usize);
            let wide = if length <= SHORT { key_at(text, start, length) } else { NO_KEY };
            let hash = hash_of(wide);
            self.cache.prefetch(hash);
            *key = (wide, hash);
        }
        let mut filled = 0;
        for (&(key, hash), bound) in keys.iter().zip(bounds.windows(2)) {
            if let Some((hit, length)) = self.cache.get_hot(key, hash)
                && let Some(target) = found.get_mut(filled..filled + INLINE)
            {
                target.copy_from_slice(&hit);
                filled += length;
            } else {
                ids.extend_from_slice(&found[..filled]);
                filled = 0;
                let piece = &text[bound[0] as usize..bound[1] as usize];
                missed(self.engine, self.words, self.cache, piece, (key, hash), ids);
            }
        }
        ids.extend_from_slice(&found[..filled]);
    }
}

/// Append the ids of a piece that the hot table does not have in place.
#[inline(never)]
fn missed(
    engine: &ByteEngine,
    words: &Words,
    cache: &mut Cache,
    piece: &[u8],
    (key, hash): (u128, u32),
    ids: &mut Vec<u32>,
) {
    let start = ids.len();
    if piece.len() > SHORT {
        if let Some(found) = cache.get_long(piece) {
            ids.extend_from_slice(found);
        } else {
            merge(engine, words, piece, ids);
            cache.insert_long(piece, &ids[start..], &words.seed);
        }
        return;
    }
    if !cache.take(key, hash, ids) {
        merge(engine, words, piece, ids);
        cache.insert(key, hash, &ids[start..], &words.seed);
    }
}

fn merge(engine: &ByteEngine, words: &Words, piece: &[u8], ids: &mut Vec<u32>) {
    let bpe = &engine.bpe;
    if bpe.options().ignore_merges
        && let Some(id) = bpe.vocabulary().id(&spell(piece))
    {
        ids.push(id);
        return;
    }
    words.merges.merge(bpe.merges(), piece, ids);
}
