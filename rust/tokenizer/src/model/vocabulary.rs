//! Tokens by id and ids by token, in two flat buffers: no allocation per token.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

use crate::error::{Result, TokenizerError};

const EMPTY: u32 = u32::MAX;

/// An immutable vocabulary. Ids need not be contiguous, but tables are indexed by them, so they are bounded.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    text: String,
    /// Start and end in `text` by id; an id without a token has [`EMPTY`] as its start.
    spans: Vec<(u32, u32)>,
    /// Open addressing: ids by hash of their token.
    slots: Vec<u32>,
    /// Tokens whose id is, by that id, another token: files of that kind exist, and both texts have the id.
    shadowed: BTreeMap<Box<str>, u32>,
    /// Random, so that nobody can make a file whose tokens collide.
    secret: u64,
    len: usize,
}

impl Vocabulary {
    /// From (token, id) pairs, in any order. Of a token that occurs twice the last id counts, and an id that two
    /// tokens share is the last of them when it is turned into text, as when maps are filled in that order.
    ///
    /// # Errors
    /// Ids far beyond the number of tokens.
    pub fn new<'a>(entries: impl ExactSizeIterator<Item = (&'a str, u32)> + Clone) -> Result<Self> {
        if let Some(vocabulary) = Self::distinct(entries.clone())? {
            return Ok(vocabulary);
        }
        let last: HashMap<&str, usize> =
            entries.clone().enumerate().map(|(at, (token, _))| (token, at)).collect();
        let kept: Vec<_> = entries
            .enumerate()
            .filter(|(at, (token, _))| last.get(token) == Some(at))
            .map(|(_, entry)| entry)
            .collect();
        Self::distinct(kept.into_iter())?
            .ok_or_else(|| TokenizerError::at("model.vocab", "tokens occur twice"))
    }

    /// A list of tokens whose ids are their places. A token may occur twice: its id is its last place, and every
    /// place keeps its text.
    pub fn list<'a>(tokens: impl ExactSizeIterator<Item = &'a str> + Clone) -> Result<Self> {
        let mut vocabulary = Self::with_room(tokens.clone().zip(0..), tokens.len())?;
        for (token, id) in tokens.zip(0..) {
            vocabulary.insert(token, id);
        }
        vocabulary.len = vocabulary.spans.len();
        Ok(vocabulary)
    }

    /// None if a token occurs twice.
    fn distinct<'a>(entries: impl ExactSizeIterator<Item = (&'a str, u32)> + Clone) -> Result<Option<Self>> {
        let mut vocabulary = Self::with_room(entries.clone(), entries.len())?;
        for (token, id) in entries {
            if vocabulary.insert(token, id) {
                return Ok(None);
            }
        }
        Ok(Some(vocabulary))
    }

    fn with_room<'a>(entries: impl Iterator<Item = (&'a str, u32)>, count: usize) -> Result<Self> {
        // Sparse vocabularies exist (ids reserved for added tokens), but not by orders of magnitude.
        let limit = count.saturating_mul(4).saturating_add(1 << 20).min(EMPTY as usize);
        let mut bytes = 0usize;
        let mut ids = 0usize;
        for (token, id) in entries {
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
        Ok(Self {
            text: String::with_capacity(bytes),
            spans: vec![(EMPTY, EMPTY); ids],
            slots: vec![EMPTY; (count * 2).next_power_of_two().max(4)],
            shadowed: BTreeMap::new(),
            secret: RandomState::new().hash_one(count) | 1,
            len: count,
        })
    }

    /// Whether the token was there already; its id is then the new one.
    fn insert(&mut self, token: &str, id: u32) -> bool {
        if let Some(other) = self.token(id) {
            let other = other.into();
            self.shadowed.insert(other, id);
        }
        let start = self.text.len() as u32;
        self.text.push_str(token);
        // Before the text of the id changes: a slot that holds the id may be that of the other token.
        let slot = self.slot(token);
        self.spans[id as usize] = (start, self.text.len() as u32);
        let known = self.slots[slot] != EMPTY || self.shadowed.contains_key(token);
        self.slots[slot] = id;
        known
    }

    /// The slot that holds `token`, or the empty one where it would go.
    #[inline]
    fn slot(&self, token: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash(token.as_bytes(), self.secret) as usize & mask;
        while self.slots[slot] != EMPTY && self.token(self.slots[slot]) != Some(token) {
            slot = (slot + 1) & mask;
        }
        slot
    }

    pub fn id(&self, token: &str) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        match self.slots[self.slot(token)] {
            EMPTY => self.shadowed.get(token).copied(),
            id => Some(id),
        }
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

    /// Every token with the id that it is turned into, by ascending id.
    pub fn entries(&self) -> impl Iterator<Item = (&str, u32)> {
        let mut shadowed: Vec<(&str, u32)> =
            self.shadowed.iter().map(|(token, &id)| (&**token, id)).collect();
        shadowed.sort_by_key(|&(_, id)| id);
        let mut shadowed = shadowed.into_iter().peekable();
        self.iter().flat_map(move |(id, token)| {
            let own = Some((token, id)).filter(|_| self.id(token) == Some(id));
            let others: Vec<_> = std::iter::from_fn(|| shadowed.next_if(|other| other.1 == id)).collect();
            others.into_iter().chain(own)
        })
    }

    /// The number of characters of each token, by its id; 0 for ids without one.
    pub(crate) fn lengths(&self) -> Vec<u32> {
        let mut lengths = vec![0; self.id_bound()];
        for (id, token) in self.iter() {
            lengths[id as usize] = token.chars().count() as u32;
        }
        lengths
    }

    /// Whether an id stands for several tokens.
    pub fn has_shared_ids(&self) -> bool {
        !self.shadowed.is_empty()
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
    fn of_equal_tokens_the_last_counts_and_equal_ids_keep_both_tokens() {
        let entries = [("a", 0), ("b", 1), ("a", 2), ("c", 1), ("d", 1)];
        let vocabulary = Vocabulary::new(entries.into_iter()).unwrap();
        assert_eq!(
            (vocabulary.id("a"), vocabulary.token(0), vocabulary.token(1)),
            (Some(2), None, Some("d"))
        );
        assert_eq!((vocabulary.id("b"), vocabulary.id("c"), vocabulary.id("d")), (Some(1), Some(1), Some(1)));
        assert_eq!((vocabulary.len(), vocabulary.has_shared_ids()), (4, true));
        assert_eq!(vocabulary.entries().collect::<Vec<_>>(), [("b", 1), ("c", 1), ("d", 1), ("a", 2)]);
    }

    #[test]
    fn lists_keep_the_text_of_every_place() {
        let vocabulary = Vocabulary::list(["a", "b", "a"].into_iter()).unwrap();
        assert_eq!((vocabulary.id("a"), vocabulary.token(0), vocabulary.len()), (Some(2), Some("a"), 3));
        assert_eq!(vocabulary.entries().collect::<Vec<_>>(), [("b", 1), ("a", 2)]);
    }

    #[test]
    fn refuses_absurd_ids() {
        assert!(Vocabulary::new([("a", 0), ("b", 4_000_000_000)].into_iter()).is_err());
    }
}
