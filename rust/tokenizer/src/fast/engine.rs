//! Text to ids: boundaries by the batch, pieces from the cache, merges for the rest.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::cache::{Cache, Found, INLINE, MAX_ID_BOUND, SHORT, Seed, bucket_of, key_at};
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
        let cache = || Cache::new(&words.seed);
        self.caches.with(cache, |cache| Worker { engine: self, words, cache }.encode(text, ids));
    }
}

impl Worker<'_> {
    fn encode(&mut self, text: &str, ids: &mut Vec<u32>) {
        let bytes = text.as_bytes();
        let mut scanner = Scanner::with_best(text);
        // One more than a batch: the start of the last piece waits for its end.
        let mut starts = [0; BATCH];
        let mut bounds = [0; BATCH + 1];
        let mut waiting = scanner.fill(&mut starts);
        bounds[..waiting].copy_from_slice(&starts[..waiting]);
        while waiting > 0 {
            let count = scanner.fill(&mut starts);
            let (end, next) = if count > 0 { (starts[0], count) } else { (bytes.len() as u32, 0) };
            bounds[waiting] = end;
            self.pieces(bytes, &bounds[..=waiting], ids);
            bounds[..next].copy_from_slice(&starts[..next]);
            waiting = next;
        }
    }

    /// Append the ids of the pieces between `bounds`.
    fn pieces(&mut self, text: &[u8], bounds: &[u32], ids: &mut Vec<u32>) {
        let mut keys = [(0u128, 0u32); BATCH];
        for (key, bound) in keys.iter_mut().zip(bounds.windows(2)) {
            let (start, length) = (bound[0] as usize, (bound[1] - bound[0]) as usize);
            let wide = if length <= SHORT { key_at(text, start, length) } else { NO_KEY };
            *key = (wide, bucket_of(wide));
        }
        let mut buffer = [0; BATCH * INLINE];
        let mut count = 0;
        for (&(key, bucket), bound) in keys.iter().zip(bounds.windows(2)) {
            if let Some(Found::Inline(found, length)) = self.cache.get(key, bucket)
                && let Some(target) = buffer.get_mut(count..count + INLINE)
            {
                target.copy_from_slice(&found);
                count += length;
            } else {
                ids.extend_from_slice(&buffer[..count]);
                count = 0;
                self.piece(&text[bound[0] as usize..bound[1] as usize], key, bucket, ids);
            }
        }
        ids.extend_from_slice(&buffer[..count]);
    }

    /// A piece that is not simply found.
    #[inline(never)]
    fn piece(&mut self, piece: &[u8], key: u128, bucket: u32, ids: &mut Vec<u32>) {
        let start = ids.len();
        if piece.len() > SHORT {
            if let Some(found) = self.cache.get_long(piece) {
                ids.extend_from_slice(found);
            } else {
                self.merge(piece, ids);
                self.cache.insert_long(piece, &ids[start..], &self.words.seed);
            }
        } else if let Some(Found::Spilled(found)) = self.cache.get(key, bucket) {
            ids.extend_from_slice(found);
        } else {
            self.merge(piece, ids);
            self.cache.insert(key, bucket, &ids[start..], &self.words.seed);
        }
    }

    fn merge(&mut self, piece: &[u8], ids: &mut Vec<u32>) {
        let bpe = &self.engine.bpe;
        if bpe.options().ignore_merges
            && let Some(id) = bpe.vocabulary().id(&spell(piece))
        {
            ids.push(id);
            return;
        }
        self.words.merges.merge(bpe.merges(), piece, ids);
    }
}
