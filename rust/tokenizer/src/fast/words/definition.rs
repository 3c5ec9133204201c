//! What a piece of raw text becomes by the way of the definition: normalizer, pre-tokenizer, model.

use super::batch::Resolve;
use super::plain;
use crate::error::Result;
use crate::model::{Model, unigram};
use crate::normalizer::Normalizer;
use crate::pre_tokenizer::PreTokenizer;

/// The parts of a tokenizer that say what becomes of text.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) normalizer: Option<Normalizer>,
    pub(super) pre_tokenizer: Option<PreTokenizer>,
    pub(super) model: Model,
    pub(super) shortcut: Option<Shortcut>,
    /// The start of the text may be another case than the start of other pieces.
    pub(super) knows_start: bool,
}

/// What normalizer and pre-tokenizer do to pieces of certain ASCII characters, all of them in the same simple way.
#[derive(Debug, Clone)]
pub(super) struct Shortcut {
    /// What becomes of a character; 0 for those that are no case for this.
    pub(super) becomes: [u8; 128],
    /// What is put in front.
    pub(super) before: String,
    /// If not 0, pieces start with a space, or up to so many, for which what is put in front stands.
    pub(super) most_spaces: usize,
}

impl Definition {
    /// Emit the pieces of the pre-tokenizer.
    pub(super) fn pieces(
        &self,
        text: &str,
        at_start: bool,
        emit: &mut dyn FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        let normalized = match &self.normalizer {
            Some(normalizer) => normalizer.normalize_plain(text)?,
            None => text.into(),
        };
        match &self.pre_tokenizer {
            Some(pre_tokenizer) => plain::pieces(pre_tokenizer, &normalized, at_start, emit),
            None if normalized.is_empty() => Ok(()),
            None => emit(&normalized),
        }
    }
}

impl Shortcut {
    /// Write to `text` what becomes of `piece`; false if it is no case for this.
    fn apply(&self, piece: &str, text: &mut String) -> bool {
        let mut word = piece;
        if self.most_spaces > 0 {
            word = piece.trim_start_matches(' ');
            if !(1..=self.most_spaces).contains(&(piece.len() - word.len())) {
                return false;
            }
        }
        text.clear();
        text.push_str(&self.before);
        for &byte in word.as_bytes() {
            match self.becomes.get(usize::from(byte)) {
                None | Some(0) => return false,
                Some(&becomes) => text.push(becomes as char),
            }
        }
        !word.is_empty()
    }
}

/// Resolves pieces of raw text.
pub(super) struct Resolver<'a> {
    parts: &'a Definition,
    /// Whether the piece is the start of the text.
    pub(super) at_start: bool,
    pieces: PieceResolver<'a>,
    text: String,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(parts: &'a Definition, at_start: bool) -> Self {
        Self { parts, at_start, pieces: PieceResolver::new(parts), text: String::new() }
    }
}

impl Resolve for Resolver<'_> {
    fn resolve(&mut self, piece: &str, ids: &mut Vec<u32>) -> Result<()> {
        if let Some(shortcut) = &self.parts.shortcut
            && shortcut.apply(piece, &mut self.text)
        {
            return self.pieces.resolve(&self.text, ids);
        }
        let pieces = &mut self.pieces;
        self.parts.pieces(piece, self.at_start, &mut |piece| pieces.resolve(piece, ids))
    }
}

/// Resolves pieces of the pre-tokenizer.
pub(super) struct PieceResolver<'a> {
    model: &'a Model,
    unigram: unigram::Scratch,
}

impl<'a> PieceResolver<'a> {
    pub(super) fn new(parts: &'a Definition) -> Self {
        Self { model: &parts.model, unigram: unigram::Scratch::default() }
    }
}

impl Resolve for PieceResolver<'_> {
    fn resolve(&mut self, piece: &str, ids: &mut Vec<u32>) -> Result<()> {
        match self.model {
            Model::WordPiece(model) => model.push_ids(piece, ids),
            Model::Unigram(model) => model.push_ids(piece, &mut self.unigram, ids),
            Model::WordLevel(model) => {
                ids.push(model.id(piece)?);
                Ok(())
            }
            Model::Bpe(model) => {
                let mut symbols = Vec::new();
                model.tokenize(piece, &mut symbols)?;
                ids.extend(symbols.iter().map(|symbol| symbol.id));
                Ok(())
            }
        }
    }
}
