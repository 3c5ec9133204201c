//! Ids to text.

use std::sync::Arc;

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::decoder::{DecodeCache, Decoder, lossy, push_bytes};
use crate::error::Result;
use crate::tokenizer::Tokenizer;

/// Ids that make a task of their own: a fraction of a millisecond, by the table or token by token.
const TASK_IDS: usize = 1 << 16;
const SLOW_TASK_IDS: usize = 1 << 12;

impl Tokenizer {
    /// The text of `ids`; unknown ids are skipped, bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// Those of [`Decoder::decode_chain`].
    pub fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String> {
        let cache = self.decode_cache();
        match cache.joined(self, ids, skip_special_tokens)? {
            Some(bytes) => cache.finish(lossy(bytes)),
            None => self.decode_by_chain(ids, skip_special_tokens),
        }
    }

    /// [`decode`](Self::decode) as it is defined, token by token.
    pub(crate) fn decode_by_chain(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String> {
        let tokens = self.decoded_tokens(ids, skip_special_tokens);
        match self.decoder() {
            Some(decoder) => decoder.decode(tokens),
            None => Ok(tokens.join(" ")),
        }
    }

    fn decoded_tokens(&self, ids: &[u32], skip_special_tokens: bool) -> Vec<String> {
        let token = |&id: &u32| self.decoded_token(id, skip_special_tokens).map(str::to_owned);
        ids.iter().filter_map(token).collect()
    }

    /// The token that the decoder gets for `id`; none if it is unknown or left out.
    pub(crate) fn decoded_token(&self, id: u32, skip_special_tokens: bool) -> Option<&str> {
        let shown = |token: &&str| !skip_special_tokens || !self.added_vocabulary().is_special(token);
        self.id_to_token(id).filter(shown)
    }

    /// The bytes that `ids` stand for, which need not be whole characters if the decoder is byte-level.
    pub fn decode_bytes(&self, ids: &[u32], skip_special_tokens: bool) -> Result<Vec<u8>> {
        let Some(Decoder::ByteLevel(_)) = self.decoder() else {
            return Ok(self.decode(ids, skip_special_tokens)?.into_bytes());
        };
        if let Some(bytes) = self.decode_cache().joined(self, ids, skip_special_tokens)? {
            return Ok(bytes);
        }
        let mut bytes = Vec::new();
        for token in self.decoded_tokens(ids, skip_special_tokens) {
            push_bytes(&token, &mut bytes);
        }
        Ok(bytes)
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
            self.decode(ids, skip_special_tokens)
        };
        let count: usize = batch.iter().map(|ids| ids.len()).sum();
        if self.is_small_batch(count) || rayon::current_num_threads() == 1 {
            return batch.iter().map(one).collect();
        }
        let rows = batch.len() * self.task_ids() / count;
        batch.par_iter().with_min_len(rows.max(1)).map(one).collect()
    }

    /// Whether [`decode_batch`](Self::decode_batch) of so many ids runs on the thread that calls it, whatever the pool.
    pub fn is_small_batch(&self, count: usize) -> bool {
        count < 2 * self.task_ids()
    }

    fn task_ids(&self) -> usize {
        if self.decode_cache().has_shape() { TASK_IDS } else { SLOW_TASK_IDS }
    }

    pub(crate) fn decode_cache(&self) -> &Arc<DecodeCache> {
        &self.plan().decode
    }

    /// One past the largest id.
    pub(crate) fn id_bound(&self) -> usize {
        let added = self.added_vocabulary().tokens().last_key_value().map_or(0, |(&id, _)| id as usize + 1);
        self.model().id_bound().max(added)
    }
}
