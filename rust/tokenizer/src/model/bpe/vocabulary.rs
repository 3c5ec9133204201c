//! Tokens by id and ids by token, in two flat buffers: no allocation per token.

use std::hash::{BuildHasher, RandomState};

use crate::error::{Result, TokenizerError};

const EMPTY: u32 = u32::MAX;

/// An immutable vocabulary. Ids need not be contiguous, but tables are indexed by them, so they are bounded.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    text: String,
    /// Start and end in `text` by id; an id without a token has [`EMPTY`] as its start.
    spans: Vec<(u32, u32)>,
    /// Open addressing: ids by hash of their token.
    slots: Vec<u32>,
    /// Random, so that nobody can make a file whose tokens collide.
    secret: u64,
    len: usize,
}

impl Vocabulary {
    /// From (token, id) pairs, in any order.
    ///
    /// # Errors
    /// A token or an id that occurs twice, and ids far beyond the number of tokens.
    pub fn new<'a>(entries: impl ExactSizeIterator<Item = (&'a str, u32)> + Clone) -> Result<Self> {
        let count = entries.len();
        // Sparse vocabularies exist (ids reserved for added tokens), but not by orders of magnitude.
        let limit = count.saturating_mul(4).saturating_add(1 << 20).min(EMPTY as usize);
        let mut bytes = 0usize;
        let mut ids = 0usize;
        for (token, id) in entries.clone() {
            if id as usize >= limit {
                let message =
                    format!("id {id} of token {token:?} is beyond the limit of {limit} for {count} tokens");
                return Err(TokenizerError::at("model.vocab", message));
            }
            bytes += token.len();
            ids = ids.max(id as usize + 1);
        }
        if bytes >= EMPTY as usize {
            return Err(TokenizerError::at("model.vocab", "tokens have more than 4 GiB together"));
        }
        let mut vocabulary = Self {
            text: String::with_capacity(bytes),
            spans: vec![(EMPTY, EMPTY); ids],
            slots: vec![EMPTY; (count * 2).next_power_of_two().max(4)],
            secret: RandomState::new().hash_one(count) | 1,
            len: count,
        };
        for (token, id) in entries {
            vocabulary.insert(token, id)?;
        }
        Ok(vocabulary)
    }

    fn insert(&mut self, token: &str, id: u32) -> Result<()> {
        if let Some(other) = self.token(id) {
            let message = format!("tokens {other:?} and {token:?} both have id {id}");
            return Err(TokenizerError::at("model.vocab", message));
        }
        let start = self.text.len() as u32;
        self.text.push_str(token);
        self.spans[id as usize] = (start, self.text.len() as u32);
        match self.slot(token) {
            slot if self.slots[slot] == EMPTY => self.slots[slot] = id,
            _ => {
                let message = format!("token {token:?} occurs twice");
                return Err(TokenizerError::at("model.vocab", message));
            }
        }
        Ok(())
    }

    /// The slot that holds `token`, or the empty one where it would go.
    fn slot(&self, token: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash(token.as_bytes(), self.secret) as usize & mask;
        while self.slots[slot] != EMPTY && self.token(self.slots[slot]) != Some(token) {
            slot = (slot + 1) & mask;
        }
        slot
    }

    pub fn id(&self, token: &str) -> Option<u32> {
        Some(self.slots[self.slot(token)]).filter(|&id| id != EMPTY)
    }

    pub fn token(&self, id: u32) -> Option<&str> {
        let &(start, end) = self.spans.get(id as usize)?;
        self.text.get(start as usize..end as usize).filter(|_| start != EMPTY)
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One past the largest id.
    pub fn id_bound(&self) -> usize {
        self.spans.len()
    }

    /// (id, token), by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        (0..self.spans.len() as u32).filter_map(|id| Some((id, self.token(id)?)))
    }
}

/// Eight bytes at a time, each folded in by a multiplication of full width.
fn hash(bytes: &[u8], secret: u64) -> u64 {
    let fold = |value: u64| {
        let wide = u128::from(value) * u128::from(secret);
        wide as u64 ^ (wide >> 64) as u64
    };
    let mut hash = secret ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        hash = fold(hash ^ chunk.try_into().map_or(0, u64::from_le_bytes));
    }
    let mut last = [0; 8];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    fold(fold(hash ^ u64::from_le_bytes(last)) ^ 0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_tokens_and_ids_with_gaps() {
        let vocabulary = Vocabulary::new([("a", 0), ("bc", 7), ("", 3)].into_iter()).unwrap();
        assert_eq!((vocabulary.id("bc"), vocabulary.id(""), vocabulary.id("b")), (Some(7), Some(3), None));
        assert_eq!((vocabulary.token(7), vocabulary.token(1), vocabulary.token(8)), (Some("bc"), None, None));
        assert_eq!((vocabulary.len(), vocabulary.id_bound()), (3, 8));
        assert_eq!(vocabulary.iter().collect::<Vec<_>>(), [(0, "a"), (3, ""), (7, "bc")]);
    }

    #[test]
    fn refuses_duplicates_and_absurd_ids() {
        for entries in [[("a", 0), ("b", 0)], [("a", 0), ("a", 1)], [("a", 0), ("b", 4_000_000_000)]] {
            assert!(Vocabulary::new(entries.into_iter()).is_err());
        }
    }
}
