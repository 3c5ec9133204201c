//! What the engine of bytes works out from a model at the first use.

use std::collections::HashMap;

use super::cache::Cache;
use super::merge::ByteMerges;
use super::reach::Reached;
use super::seams::Seams;
use super::tokens::Tokens;
use crate::byte_level::{byte_of, bytes_of};
use crate::model::Bpe;

pub(super) struct Prepared {
    pub(super) merges: ByteMerges,
    pub(super) tokens: Tokens,
    pub(super) seams: Seams,
    /// Tokens that stand for a piece as a whole though merging its bytes gives others (`ignore_merges`).
    wholes: HashMap<Box<[u8]>, u32>,
}

impl Prepared {
    /// `bytes`: the tokens of single bytes.
    pub(super) fn new(bpe: &Bpe, bytes: &[u32; 256]) -> Self {
        let reached = Reached::new(bpe, bytes);
        let is_reached = |id| reached.as_ref().is_some_and(|reached| reached.get(id));
        let tokens = || bpe.vocabulary().iter();
        let wholes = tokens().filter(|&(id, _)| bpe.options().ignore_merges && !is_reached(id));
        Self {
            merges: ByteMerges::new(bpe.merges(), bytes),
            tokens: Tokens::new(tokens().filter(|&(id, _)| is_reached(id))),
            seams: seams(bpe),
            wholes: wholes.filter_map(|(id, token)| Some((bytes_of(token)?.into(), id))).collect(),
        }
    }

    /// Append the ids of a short piece or part that the cache or the vocabulary has; false if neither does.
    #[inline]
    pub(super) fn take(&self, cache: &mut Cache, key: u128, hash: u32, ids: &mut Vec<u32>) -> bool {
        if cache.take(key, hash, ids) {
            return true;
        }
        let token = self.tokens.get(key, hash);
        if let Some(id) = token {
            cache.warm_token(key, hash, id);
            ids.push(id);
        }
        token.is_some()
    }

    /// The token that a piece is without merging.
    #[inline]
    pub(super) fn whole(&self, piece: &[u8]) -> Option<u32> {
        if self.wholes.is_empty() { None } else { self.wholes.get(piece).copied() }
    }
}

fn seams(bpe: &Bpe) -> Seams {
    Seams::new(|emit| {
        let mut bytes = Vec::new();
        for (_, token) in bpe.vocabulary().iter() {
            bytes.clear();
            bytes.extend(token.chars().map_while(byte_of));
            emit(&bytes);
        }
    })
}
