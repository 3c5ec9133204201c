//! Encoding and decoding as tiktoken does it: any bytes come back, special tokens only where they are asked for.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use aho_corasick::AhoCorasick;
use ferrolm_base::Cancel;
use rayon::prelude::*;

use super::Ranks;
use super::merges::merge_bytes;
use super::splitter::Splitter;
use crate::byte_level::spell;
use crate::error::{Result, TokenizerError};
use crate::fast::ByteEngine;
use crate::file;
use crate::model::Bpe;
use crate::pipeline::Ragged;

/// Ranks, a pattern that cuts text into pieces, and special tokens.
#[derive(Debug)]
pub struct RankEncoding {
    pub(super) ranks: Ranks,
    bpe: Arc<Bpe>,
    splitter: Splitter,
    /// For patterns of known families, where every byte is a token.
    engine: Option<ByteEngine>,
    specials: Specials,
    /// Ranks in the order of the bytes of their tokens.
    pub(super) sorted: OnceLock<Vec<u32>>,
}

/// Which special tokens of a text are special.
#[derive(Debug, Clone, Copy)]
pub enum Allowed<'a> {
    All,
    These(&'a [&'a str]),
}

impl Allowed<'_> {
    fn has(self, token: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(tokens) => tokens.contains(&token),
        }
    }
}

/// A special token in a text.
#[derive(Debug, Clone, Copy)]
pub struct SpecialMatch<'a> {
    pub content: &'a str,
    pub id: u32,
    start: usize,
    end: usize,
}

impl SpecialMatch<'_> {
    /// Whether this one comes before `other` in the text, or is longer at the same place.
    pub fn before(&self, other: &SpecialMatch<'_>) -> bool {
        (self.start, std::cmp::Reverse(self.end)) < (other.start, std::cmp::Reverse(other.end))
    }
}

#[derive(Debug)]
struct Specials {
    tokens: Vec<(String, u32)>,
    by_id: HashMap<u32, usize>,
    /// None if there are none.
    automaton: Option<AhoCorasick>,
}

impl Specials {
    fn new(tokens: Vec<(String, u32)>) -> Result<Self> {
        let tokens: Vec<_> = tokens.into_iter().filter(|(content, _)| !content.is_empty()).collect();
        let by_id = tokens.iter().enumerate().map(|(index, &(_, id))| (id, index)).collect();
        let automaton = AhoCorasick::new(tokens.iter().map(|(content, _)| content))
            .map_err(|error| TokenizerError::argument("special_tokens", error.to_string()))?;
        Ok(Self { by_id, automaton: (!tokens.is_empty()).then_some(automaton), tokens })
    }
}

impl RankEncoding {
    /// `pattern` as tiktoken writes it; text that it does not match has no tokens.
    ///
    /// # Errors
    /// A pattern that is not one; tokens that occur twice.
    pub fn new(ranks: Ranks, pattern: &str, specials: Vec<(String, u32)>) -> Result<Self> {
        let bpe = Arc::new(file::bpe_of_ranks(&ranks, &[])?);
        let splitter = Splitter::new(pattern)?;
        let engine = match &splitter {
            Splitter::Family(family) => ByteEngine::new(&bpe, *family),
            Splitter::Pattern(_) => None,
        };
        engine.iter().for_each(ByteEngine::prepare);
        let specials = Specials::new(specials)?;
        Ok(Self { ranks, bpe, splitter, engine, specials, sorted: OnceLock::new() })
    }

    pub fn ranks(&self) -> &Ranks {
        &self.ranks
    }

    /// (content, id) of the special tokens.
    pub fn special_tokens(&self) -> &[(String, u32)] {
        &self.specials.tokens
    }

    /// The special tokens in `text`, overlapping ones too, by where they end.
    pub fn specials_in<'a>(&'a self, text: &str) -> Vec<SpecialMatch<'a>> {
        let Some(automaton) = &self.specials.automaton else { return Vec::new() };
        if !automaton.is_match(text) {
            return Vec::new();
        }
        let found = automaton.find_overlapping_iter(text).filter_map(|found| {
            let (content, id) = self.specials.tokens.get(found.pattern().as_usize())?;
            Some(SpecialMatch { content, id: *id, start: found.start(), end: found.end() })
        });
        found.collect()
    }

    /// Append the ids of `text`, special tokens in it being text like any other.
    pub fn encode_ordinary(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        if text.len() >= MAX_TEXT {
            let (what, found) = ("bytes of text without special tokens", text.len());
            return Err(TokenizerError::Limit { what, found, limit: MAX_TEXT });
        }
        if let Some(engine) = &self.engine {
            engine.encode(text, ids);
            return Ok(());
        }
        for piece in self.splitter.pieces(text)? {
            self.encode_piece(text[piece].as_bytes(), ids)?;
        }
        Ok(())
    }

    /// Append the ids of `text` with those special tokens that are allowed; `found` are those in the text.
    ///
    /// Where several begin at one place, the longest is taken.
    pub fn encode(
        &self,
        text: &str,
        found: &[SpecialMatch<'_>],
        allowed: Allowed<'_>,
        cancel: &Cancel,
        ids: &mut Vec<u32>,
    ) -> Result<()> {
        let rest = self.encode_but_last(text, found, allowed, cancel, ids)?;
        cancel.check()?;
        self.encode_ordinary(rest, ids)
    }

    /// Append the ids of all but the text after the last special token, and return that.
    pub(super) fn encode_but_last<'t>(
        &self,
        text: &'t str,
        found: &[SpecialMatch<'_>],
        allowed: Allowed<'_>,
        cancel: &Cancel,
        ids: &mut Vec<u32>,
    ) -> Result<&'t str> {
        let mut matches: Vec<_> = found.iter().filter(|found| allowed.has(found.content)).collect();
        matches.sort_unstable_by_key(|found| (found.start, std::cmp::Reverse(found.end)));
        let mut done = 0;
        for found in matches {
            if found.start >= done {
                cancel.check()?;
                self.encode_ordinary(&text[done..found.start], ids)?;
                ids.push(found.id);
                done = found.end;
            }
        }
        Ok(&text[done..])
    }

    /// Ids of many texts, with those special tokens that are allowed.
    pub fn encode_batch(&self, texts: &[&str], allowed: Allowed<'_>, cancel: &Cancel) -> Result<Ragged> {
        let one = |text: &&str| {
            let mut ids = Vec::with_capacity(text.len() / 4 + 8);
            if matches!(allowed, Allowed::These([])) {
                cancel.check()?;
                return self.encode_ordinary(text, &mut ids).map(|()| ids);
            }
            self.encode(text, &self.specials_in(text), allowed, cancel, &mut ids).map(|()| ids)
        };
        let rows: Vec<Vec<u32>> = texts.par_iter().map(one).collect::<Result<_>>()?;
        let mut ragged = Ragged { ids: Vec::new(), offsets: vec![0] };
        for row in rows {
            ragged.ids.extend(row);
            ragged.offsets.push(ragged.ids.len() as i64);
        }
        Ok(ragged)
    }

    /// Append the ids of one piece that no pattern cuts.
    ///
    /// # Errors
    /// A byte that no token has.
    pub fn encode_piece(&self, piece: &[u8], ids: &mut Vec<u32>) -> Result<()> {
        if piece.is_empty() {
            return Ok(());
        }
        if let Some(id) = self.rank_of(piece) {
            ids.push(id);
            return Ok(());
        }
        self.merge_piece(piece, ids)
    }

    /// The same by merging, though the piece as a whole may be a token.
    pub(super) fn merge_piece(&self, piece: &[u8], ids: &mut Vec<u32>) -> Result<()> {
        let mut at = 0;
        for length in merge_bytes(piece, |bytes| self.rank_of(bytes)) {
            let part = &piece[at..at + length];
            at += length;
            let id = self.rank_of(part).ok_or_else(|| {
                TokenizerError::argument("text", format!("bytes {part:02X?} are no token of this encoding"))
            })?;
            ids.push(id);
        }
        Ok(())
    }

    /// The rank of a token that is not special.
    pub fn rank_of(&self, token: &[u8]) -> Option<u32> {
        self.bpe.vocabulary().id(&spell(token))
    }

    /// The id of a special token.
    pub fn special_id(&self, token: &str) -> Option<u32> {
        self.specials.tokens.iter().find(|(content, _)| content == token).map(|&(_, id)| id)
    }

    /// The last piece of a text.
    pub(super) fn last_piece<'t>(&self, text: &'t str) -> Result<&'t str> {
        Ok(self.splitter.pieces(text)?.pop().map_or("", |piece| &text[piece]))
    }

    /// The bytes of a token, special or not.
    pub fn token(&self, id: u32) -> Option<&[u8]> {
        let special = || {
            let &index = self.specials.by_id.get(&id)?;
            Some(self.specials.tokens.get(index)?.0.as_bytes())
        };
        self.ranks.token(id).or_else(special)
    }

    /// The bytes that `ids` stand for.
    ///
    /// # Errors
    /// An id that no token has.
    pub fn decode(&self, ids: &[u32]) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(ids.len() * 4);
        for &id in ids {
            bytes.extend_from_slice(self.token(id).ok_or(TokenizerError::UnknownToken(id))?);
        }
        Ok(bytes)
    }

    /// The same, and for each token the character of the text that has its first byte.
    pub fn decode_with_offsets(&self, ids: &[u32]) -> Result<(Vec<u8>, Vec<usize>)> {
        let is_inside = |byte: &u8| (0x80..0xC0).contains(byte);
        let (mut bytes, mut offsets, mut characters) = (Vec::new(), Vec::with_capacity(ids.len()), 0usize);
        for &id in ids {
            let token = self.token(id).ok_or(TokenizerError::UnknownToken(id))?;
            let inside = token.first().is_some_and(is_inside);
            offsets.push(characters.saturating_sub(usize::from(inside)));
            characters += token.iter().filter(|byte| !is_inside(byte)).count();
            bytes.extend_from_slice(token);
        }
        Ok((bytes, offsets))
    }
}

/// The engine counts bytes in 32 bits.
const MAX_TEXT: usize = u32::MAX as usize - 64;
