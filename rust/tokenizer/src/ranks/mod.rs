//! Vocabularies as tiktoken has them: tokens are bytes, and a token's id is its rank: of all neighbours whose bytes
//! together are a token, those of the lowest rank merge first.

mod encoding;
mod merges;
mod splitter;
mod unstable;

use crate::byte_level::BYTE_TO_CHAR;
use crate::error::{Result, TokenizerError};

pub use encoding::{Allowed, RankEncoding, SpecialMatch};
pub(crate) use merges::{derive, last_part};
pub(crate) use splitter::to_oniguruma;
pub use unstable::Unstable;

const VACANT: (u32, u32) = (u32::MAX, u32::MAX);

/// Tokens by rank, in one buffer.
#[derive(Debug, Clone, Default)]
pub struct Ranks {
    bytes: Vec<u8>,
    /// Start and end in `bytes` by rank.
    spans: Vec<(u32, u32)>,
    len: usize,
}

impl Ranks {
    /// From (token, rank) pairs, in any order.
    ///
    /// # Errors
    /// Two tokens of one rank, and ranks far beyond the number of tokens.
    pub fn new<'a>(entries: impl ExactSizeIterator<Item = (&'a [u8], u32)>) -> Result<Self> {
        let mut ranks = Self::with_capacity(entries.len(), 0);
        let limit = rank_limit(entries.len());
        for (token, rank) in entries {
            ranks.push(token, rank, limit)?;
        }
        Ok(ranks)
    }

    pub(crate) fn with_capacity(tokens: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), spans: Vec::with_capacity(tokens), len: 0 }
    }

    pub(crate) fn push(&mut self, token: &[u8], rank: u32, limit: usize) -> Result<()> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(token);
        self.name(start, rank, limit)
    }

    /// The buffer, whose end from some place on becomes a token by [`name`](Self::name).
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Give the bytes of the buffer from `start` on a rank.
    pub(crate) fn name(&mut self, start: usize, rank: u32, limit: usize) -> Result<()> {
        let place = || format!("rank {rank}");
        if rank as usize >= limit {
            let message = format!("is beyond the limit of {limit} for so many tokens");
            return Err(TokenizerError::at(place(), message));
        }
        let end = u32::try_from(self.bytes.len())
            .map_err(|_| TokenizerError::at(place(), "tokens have more than 4 GiB together"))?;
        if self.spans.len() <= rank as usize {
            self.spans.resize(rank as usize + 1, VACANT);
        }
        if self.spans[rank as usize] != VACANT {
            return Err(TokenizerError::at(place(), "is that of two tokens"));
        }
        self.spans[rank as usize] = (start as u32, end);
        self.len += 1;
        Ok(())
    }

    /// The bytes of the token of a rank.
    #[inline]
    pub fn token(&self, rank: u32) -> Option<&[u8]> {
        let &(start, end) = self.spans.get(rank as usize)?;
        self.bytes.get(start as usize..end as usize).filter(|_| start != VACANT.0)
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One past the largest rank.
    pub fn bound(&self) -> usize {
        self.spans.len()
    }

    /// (rank, token), by ascending rank.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> + Clone {
        (0..self.spans.len() as u32).filter_map(|rank| Some((rank, self.token(rank)?)))
    }

    /// All tokens in byte characters, one after the other, and where each ends, by ascending rank.
    pub(crate) fn spelled(&self) -> (String, Vec<usize>) {
        let mut text = String::with_capacity(self.bytes.len() * 3 / 2);
        let mut ends = Vec::with_capacity(self.len);
        for (_, token) in self.iter() {
            text.extend(token.iter().map(|&byte| BYTE_TO_CHAR[usize::from(byte)]));
            ends.push(text.len());
        }
        (text, ends)
    }
}

/// Ranks may have gaps, but tables are indexed by them.
pub(crate) fn rank_limit(tokens: usize) -> usize {
    tokens.saturating_mul(4).saturating_add(1 << 20).min(u32::MAX as usize)
}
