//! Tokens of the pieces between cuts, with their offsets and words, which a worker keeps like ids.
//!
//! What becomes of a piece is found by the way of the definition, whose alignments say which characters each token
//! stands for, once; where the piece comes again, only its place is added.

use std::ops::Range;

use super::super::cache::hash_long;
use super::super::caches::Caches;
use super::batch::Spans;
use super::cutter::{Cutter, Walk};
use super::definition::Definition;
use super::spaced_bpe::SpacedBpe;
use crate::encoding::{Encoding, Token, TokenText};
use crate::error::Result;
use crate::normalized::NormalizedString;
use crate::pre_tokenized::{OffsetType, PreTokenizedString};

/// Pieces that are kept, each in the place that its hash says: some 10 MB of them.
const SLOTS_LOG2: u32 = 15;
/// Longer pieces, and those of more tokens, are worked out anew each time.
const LONGEST: usize = 64;

/// The tokens of a piece. Their offsets count its characters, their words start at 0.
#[derive(Debug, Default)]
pub(crate) struct PieceTokens {
    pub(crate) tokens: Vec<Token>,
    words: u32,
}

impl PieceTokens {
    /// A token of the vocabulary, in the first word.
    pub(super) fn token(id: u32, start: usize, end: usize) -> Token {
        Token { id, text: TokenText::Model(id), offsets: (start, end), word: Some(0) }
    }
}

/// How the words of a stretch are counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum WordCount {
    /// The stretch is one.
    One,
    /// This character, and the space that it stands for, start words.
    AtSpaces(char),
    /// Every cut is the end of one.
    AtCuts,
}

pub(super) struct Details {
    /// What the first piece of a stretch goes through.
    first: Definition,
    /// What the other pieces go through.
    rest: Definition,
    words: WordCount,
    caches: Caches<Memory>,
}

struct Memory {
    spans: Box<Spans>,
    slots: Box<[Option<Known>]>,
    /// Of a piece that is not kept.
    other: PieceTokens,
}

struct Known {
    piece: Box<str>,
    tokens: PieceTokens,
}

impl Details {
    pub(super) fn new(first: Definition, rest: Definition, words: WordCount) -> Self {
        Self { first, rest, words, caches: Caches::new() }
    }

    /// Emit where each piece of `stretch` starts, the words before it, and its tokens. Returns the number of words.
    pub(super) fn each(
        &self,
        (cutter, model): (&Cutter, Option<&SpacedBpe>),
        stretch: &str,
        at_start: bool,
        mut emit: impl FnMut(usize, u32, &[Token]),
    ) -> Result<u32> {
        let memory = || Memory {
            spans: Box::new(Spans::new()),
            slots: std::iter::repeat_with(|| None).take(1 << SLOTS_LOG2).collect(),
            other: PieceTokens::default(),
        };
        self.caches.with(memory, |Memory { spans, slots, other }| {
            let mut walk = Walk::new(cutter, stretch);
            let mut words = 0;
            spans.clear();
            loop {
                walk.fill(spans);
                if spans.count() == 0 {
                    return Ok(words);
                }
                for index in 0..spans.count() {
                    let Range { start, end } = spans.get(index);
                    let piece = &stretch[start..end];
                    let known = if start == 0 {
                        *other = tokens_of(&self.first, piece, at_start)?;
                        &*other
                    } else {
                        self.cached(model, piece, slots, other)?
                    };
                    let goes_on = match self.words {
                        WordCount::One => true,
                        WordCount::AtSpaces(space) => !piece.starts_with([' ', space]),
                        WordCount::AtCuts => false,
                    };
                    let before = words - u32::from(goes_on && words > 0);
                    emit(start, before, &known.tokens);
                    words = before + known.words;
                }
            }
        })
    }

    fn cached<'a>(
        &self,
        model: Option<&SpacedBpe>,
        piece: &str,
        slots: &'a mut [Option<Known>],
        other: &'a mut PieceTokens,
    ) -> Result<&'a PieceTokens> {
        let slot = &mut slots[(hash_long(piece.as_bytes()) >> (64 - SLOTS_LOG2)) as usize];
        if slot.as_ref().is_none_or(|known| *known.piece != *piece) {
            let found = self.resolve(model, piece)?;
            if piece.len() > LONGEST || found.tokens.len() > LONGEST {
                *other = found;
                return Ok(other);
            }
            *slot = Some(Known { piece: piece.into(), tokens: found });
        }
        Ok(slot.as_ref().map_or(other, |known| &known.tokens))
    }

    fn resolve(&self, model: Option<&SpacedBpe>, piece: &str) -> Result<PieceTokens> {
        let mut tokens = Vec::new();
        let is_simple = match model {
            Some(model) => model.push_tokens(piece, &mut tokens)?,
            None => self.rest.push_tokens(piece, &mut tokens)?,
        };
        if is_simple {
            return Ok(PieceTokens { tokens, words: 1 });
        }
        tokens_of(&self.rest, piece, false)
    }
}

fn tokens_of(parts: &Definition, piece: &str, at_start: bool) -> Result<PieceTokens> {
    // What is not at the start of the text has something before it.
    let added = usize::from(!at_start);
    let whole = NormalizedString::new(&[&" "[..added], piece].concat());
    let mut text = whole.slice(added..added + piece.len());
    if let Some(normalizer) = &parts.normalizer {
        normalizer.normalize(&mut text)?;
    }
    let mut pieces = PreTokenizedString::from(text);
    if let Some(pre_tokenizer) = &parts.pre_tokenizer {
        pre_tokenizer.pre_tokenize(&mut pieces)?;
    }
    pieces.tokenize_by(&parts.model)?;
    let mut encoding = Encoding::default();
    pieces.push_tokens(None, 0, OffsetType::Character, &mut encoding)?;
    let token = |index: usize| {
        let (start, end) = encoding.offsets[index];
        Token {
            id: encoding.ids[index],
            text: encoding.texts[index].clone(),
            offsets: (start.saturating_sub(added), end.saturating_sub(added)),
            word: encoding.words[index],
        }
    };
    let tokens = (0..encoding.len()).map(token).collect();
    Ok(PieceTokens { tokens, words: pieces.splits().len() as u32 })
}
