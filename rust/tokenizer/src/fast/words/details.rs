//! The places of tokens, whose ids are known, piece by piece between cuts.
//!
//! Most pieces are simple: the lengths of the tokens say where they are. What becomes of another piece is found by the
//! way of the definition, whose alignments say which characters each token stands for, and kept by the worker; where the
//! piece comes again, only its place is added.

use std::ops::Range;

use super::super::caches::Caches;
use super::batch::Spans;
use super::cutter::{Cutter, Walk};
use super::definition::Definition;
use super::kept::{KeptPieces, PieceTokens};
use super::places::SimplePieces;
use super::spaced_bpe::SpacedBpe;
use crate::encoding::{Characters, Columns, Encoding, Placer, TokenText};
use crate::error::Result;
use crate::normalized::NormalizedString;
use crate::normalizer::{Normalizer, Precompiled};
use crate::pre_tokenized::{OffsetType, PreTokenizedString};

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
    simple: Option<SimplePieces>,
    /// SentencePiece's map, if there is one: no piece may begin with text that vanishes by it.
    map: Option<Precompiled>,
    caches: Caches<Memory>,
}

struct Memory {
    spans: Box<Spans>,
    kept: KeptPieces,
}

impl Details {
    pub(super) fn new(first: Definition, rest: Definition, words: WordCount) -> Self {
        let simple = first.shortcut.as_ref().and_then(|shortcut| SimplePieces::new(shortcut, &first.model));
        let map = first.normalizer.as_ref().and_then(precompiled).cloned();
        Self { first, rest, words, simple, map, caches: Caches::new() }
    }

    /// Place the tokens of bytes `range` of `text`, a stretch between added tokens; false where only the general path
    /// knows their places.
    pub(super) fn place<'a>(
        &self,
        (cutter, model): (&Cutter, Option<&SpacedBpe>),
        (text, range): (&'a str, Range<usize>),
        at_start: bool,
        characters: &mut Characters<'a>,
        placer: &mut Placer<'_>,
    ) -> Result<bool> {
        let memory = || Memory { spans: Box::new(Spans::new()), kept: KeptPieces::new() };
        let (base, stretch) = (range.start, &text[range]);
        self.caches.with(memory, |Memory { spans, kept: pieces }| {
            let mut walk = Walk::new(cutter, stretch);
            // Whether the present word may go on in the next piece.
            let mut open = false;
            spans.clear();
            loop {
                walk.fill(spans);
                if spans.count() == 0 {
                    placer.end_words(u32::from(open));
                    return Ok(true);
                }
                for index in 0..spans.count() {
                    let Range { start, end } = spans.get(index);
                    let piece = &stretch[start..end];
                    let goes_on = match self.words {
                        WordCount::One => true,
                        WordCount::AtSpaces(space) => !piece.starts_with([' ', space]),
                        WordCount::AtCuts => false,
                    };
                    placer.end_words(u32::from(open && !goes_on));
                    open = true;
                    let at = characters.index(base + start) as u32;
                    let is_simple = match (&self.simple, model) {
                        (Some(simple), None) => {
                            !(at_start && start == 0 && self.first.knows_start)
                                && simple.place(piece.as_bytes(), at, placer)
                        }
                        (_, Some(model)) => start > 0 && model.place_piece(piece, at, placer),
                        _ => false,
                    };
                    if is_simple {
                        continue;
                    }
                    if placer.is_cut_off() {
                        return Ok(true);
                    }
                    if self.map.as_ref().is_some_and(|map| !map.keeps_first(piece)) {
                        return Ok(false);
                    }
                    let (made, kept);
                    let known = if start == 0 {
                        made = tokens_of(&self.first, piece, at_start)?;
                        &made
                    } else {
                        kept = pieces.get(piece, || tokens_of(&self.rest, piece, false))?;
                        kept
                    };
                    if !known.place(at, placer) {
                        return Ok(false);
                    }
                    placer.end_words(known.words.saturating_sub(1));
                    open = known.words > 0;
                }
            }
        })
    }
}

/// SentencePiece's map among normalizers.
fn precompiled(normalizer: &Normalizer) -> Option<&Precompiled> {
    match normalizer {
        Normalizer::Sequence(parts) => parts.iter().find_map(precompiled),
        Normalizer::Precompiled(map) => Some(map),
        _ => None,
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
    let mut columns = Columns::with_capacity(encoding.len());
    for (index, &(start, end)) in encoding.offsets.iter().enumerate() {
        if let TokenText::Own(text) = &encoding.texts[index] {
            columns.push_own(text);
        }
        columns.offsets.push((start.saturating_sub(added) as u32, end.saturating_sub(added) as u32));
        columns.words.push(encoding.words[index].unwrap_or(0));
    }
    Ok(PieceTokens { ids: encoding.ids.into(), columns, words: pieces.splits().len() as u32 })
}
