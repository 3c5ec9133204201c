//! Ids to text.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::decoder::{Decoder, push_bytes};
use crate::error::Result;
use crate::tokenizer::Tokenizer;

/// The bytes of every token by id, ready to be joined.
#[derive(Debug)]
pub(crate) struct DecodeTable {
    bytes: Vec<u8>,
    /// Where the bytes of an id start; they end where those of the next id start.
    starts: Vec<u32>,
    flags: Vec<u8>,
}

const KNOWN: u8 = 1;
const SPECIAL: u8 = 2;

impl DecodeTable {
    pub(crate) fn new(tokenizer: &Tokenizer) -> Self {
        let added =
            tokenizer.added_vocabulary().tokens().last_key_value().map_or(0, |(&id, _)| id as usize + 1);
        let bound = tokenizer.model().id_bound().max(added);
        let mut table =
            Self { bytes: Vec::new(), starts: Vec::with_capacity(bound + 1), flags: vec![0; bound] };
        for id in 0..bound {
            table.starts.push(table.bytes.len() as u32);
            let Some(token) = tokenizer.id_to_token(id as u32) else { continue };
            match tokenizer.decoder() {
                Some(Decoder::ByteLevel) => push_bytes(token, &mut table.bytes),
                None => table.bytes.extend_from_slice(token.as_bytes()),
            }
            let special = tokenizer.added_vocabulary().is_special(token);
            table.flags[id] = KNOWN | if special { SPECIAL } else { 0 };
        }
        table.starts.push(table.bytes.len() as u32);
        table
    }

    /// The bytes of `id`, unless it is unknown or left out.
    #[inline]
    fn get(&self, id: u32, skip: u8) -> Option<&[u8]> {
        let flags = *self.flags.get(id as usize)?;
        if flags & KNOWN == 0 || flags & skip != 0 {
            return None;
        }
        self.bytes.get(self.starts[id as usize] as usize..self.starts[id as usize + 1] as usize)
    }
}

impl Tokenizer {
    /// The text of `ids`; unknown ids are skipped, bytes that are not UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> String {
        let bytes = self.decode_bytes(ids, skip_special_tokens);
        match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }
    }

    /// The bytes that `ids` stand for, which need not be whole characters.
    pub fn decode_bytes(&self, ids: &[u32], skip_special_tokens: bool) -> Vec<u8> {
        let table = self.plan().decode.get_or_init(|| DecodeTable::new(self));
        let skip = if skip_special_tokens { SPECIAL } else { 0 };
        let mut bytes = Vec::with_capacity(ids.len() * 5);
        let mut tokens = ids.iter().filter_map(|&id| table.get(id, skip));
        // Without a decoder tokens are words.
        let separator: &[u8] = if self.decoder().is_some() { b"" } else { b" " };
        bytes.extend_from_slice(tokens.next().unwrap_or_default());
        for token in tokens {
            bytes.extend_from_slice(separator);
            bytes.extend_from_slice(token);
        }
        bytes
    }

    /// [`decode`](Self::decode) of each, in parallel; runs on the current pool.
    pub fn decode_batch(
        &self,
        batch: &[&[u32]],
        skip_special_tokens: bool,
        cancel: &Cancel,
    ) -> Result<Vec<String>> {
        let one = |ids: &&[u32]| {
            cancel.check()?;
            Ok(self.decode(ids, skip_special_tokens))
        };
        batch.par_iter().with_min_len(16).map(one).collect()
    }
}
