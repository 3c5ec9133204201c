//! Pieces of text to ids: cache first, merges otherwise.

use std::fmt;
use std::sync::Arc;

use super::cache::{Cache, INLINE, MAX_ID_BOUND, SHORT, key_of};
use super::caches::Caches;
use crate::byte_level::BYTE_TO_CHAR;
use crate::model::Bpe;
use crate::model::bpe::{Symbol, merge_all};
use crate::split::gpt2;

/// Byte-level BPE whose vocabulary has all 256 bytes, so that no text is unknown.
pub(crate) struct ByteEngine {
    bpe: Arc<Bpe>,
    /// The token of each byte.
    bytes: [u32; 256],
    caches: Caches,
}

impl fmt::Debug for ByteEngine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ByteEngine").finish_non_exhaustive()
    }
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
        Some(Self { bpe: bpe.clone(), bytes, caches: Caches::new() })
    }

    /// Append the ids of `text`, one stretch between added tokens.
    pub(crate) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        self.caches.with(Cache::new, |cache| self.encode_with(text, cache, ids));
    }

    fn encode_with(&self, text: &str, cache: &mut Cache, ids: &mut Vec<u32>) {
        let bytes = text.as_bytes();
        gpt2::split(text, |range| self.piece(&bytes[range], cache, ids));
    }

    fn piece(&self, piece: &[u8], cache: &mut Cache, ids: &mut Vec<u32>) {
        if piece.len() > SHORT {
            if let Some(found) = cache.get_long(piece) {
                ids.extend_from_slice(found);
            } else {
                let start = ids.len();
                self.merge(piece, ids);
                cache.insert_long(piece, &ids[start..]);
            }
            return;
        }
        let key = key_of(piece);
        if let Some((found, count)) = cache.get(key) {
            ids.extend_from_slice(&found[..count]);
            return;
        }
        let start = ids.len();
        self.merge(piece, ids);
        if ids.len() - start <= INLINE {
            cache.insert(key, &ids[start..]);
        }
    }

    fn merge(&self, piece: &[u8], ids: &mut Vec<u32>) {
        if self.bpe.options().ignore_merges {
            if let Some(id) = self.bpe.vocabulary().id(&crate::byte_level::spell(piece)) {
                ids.push(id);
                return;
            }
        }
        let mut symbols: Vec<Symbol> =
            piece.iter().map(|&byte| Symbol { id: self.bytes[usize::from(byte)], len: 1 }).collect();
        merge_all(&mut symbols, self.bpe.merges());
        ids.extend(symbols.iter().map(|symbol| symbol.id));
    }
}
