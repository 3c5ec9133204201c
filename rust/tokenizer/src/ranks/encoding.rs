//! Encoding and decoding as tiktoken does it: any bytes come back, special tokens only where they are asked for.

use std::collections::HashMap;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use ferrolm_base::Cancel;
use rayon::prelude::*;

use super::Ranks;
use super::merges::merge_bytes;
use crate::byte_level::{bytes_of, spell};
use crate::error::{Result, TokenizerError};
use crate::file;
use crate::pipeline::Ragged;
use crate::tokenizer::Tokenizer;

/// Ranks, a pattern that cuts text into pieces, and special tokens.
#[derive(Debug)]
pub struct RankEncoding {
    pub(super) ranks: Ranks,
    /// The same vocabulary as a pipeline, without special tokens.
    tokenizer: Tokenizer,
    specials: Specials,
    /// Every byte is a token, so that every piece has ids.
    is_complete: bool,
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
    /// A pattern that is not one; ranks that [`file::from_ranks`] refuses.
    pub fn new(ranks: Ranks, pattern: &str, specials: Vec<(String, u32)>) -> Result<Self> {
        let tokenizer = file::from_ranks(&ranks, pattern, &[])?;
        let is_complete = (0..=u8::MAX).all(|byte| tokenizer.model().token_to_id(&spell(&[byte])).is_some());
        let specials = Specials::new(specials)?;
        Ok(Self { ranks, tokenizer, specials, is_complete, sorted: OnceLock::new() })
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
        if self.is_complete {
            return self.tokenizer.push_ids(text, ids);
        }
        for piece in self.pieces(text)? {
            self.encode_piece(&piece, ids)?;
        }
        Ok(())
    }

    /// The same for a text that is worth several threads.
    fn encode_long(&self, text: &str, cancel: &Cancel, ids: &mut Vec<u32>) -> Result<()> {
        cancel.check()?;
        if text.len() < LONG || !self.is_complete {
            return self.encode_ordinary(text, ids);
        }
        let mut ragged = self.tokenizer.encode_ids_batch(&[text], false, cancel)?;
        if ids.is_empty() {
            *ids = ragged.ids;
        } else {
            ids.append(&mut ragged.ids);
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
        self.encode_long(rest, cancel, ids)
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
                self.encode_long(&text[done..found.start], cancel, ids)?;
                ids.push(found.id);
                done = found.end;
            }
        }
        Ok(&text[done..])
    }

    /// Ids of many texts; special tokens are text like any other.
    pub fn encode_ordinary_batch(&self, texts: &[&str], cancel: &Cancel) -> Result<Ragged> {
        if self.is_complete {
            return self.tokenizer.encode_ids_batch(texts, false, cancel);
        }
        self.encode_batch(texts, Allowed::These(&[]), cancel)
    }

    /// Ids of many texts, with those special tokens that are allowed.
    pub fn encode_batch(&self, texts: &[&str], allowed: Allowed<'_>, cancel: &Cancel) -> Result<Ragged> {
        let one = |text: &&str| {
            let mut ids = Vec::new();
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
        self.tokenizer.model().token_to_id(&spell(token))
    }

    /// The id of a special token.
    pub fn special_id(&self, token: &str) -> Option<u32> {
        self.specials.tokens.iter().find(|(content, _)| content == token).map(|&(_, id)| id)
    }

    /// The bytes of the pieces of a text.
    pub(super) fn pieces(&self, text: &str) -> Result<Vec<Vec<u8>>> {
        let Some(pre_tokenizer) = self.tokenizer.pre_tokenizer() else { return Ok(vec![text.into()]) };
        let pieces = pre_tokenizer.pre_tokenize(text);
        Ok(pieces.iter().filter_map(|(piece, _)| bytes_of(piece)).collect())
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

/// Bytes of text from which on several threads share it.
const LONG: usize = 1 << 18;
