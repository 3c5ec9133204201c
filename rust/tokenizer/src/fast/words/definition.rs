//! What a piece of raw text becomes by the way of the definition: normalizer, pre-tokenizer, model.

use super::batch::Resolve;
use crate::error::Result;
use crate::model::Model;
use crate::model::unigram;
use crate::normalizer::Normalizer;
use crate::pre_tokenizer::PreTokenizer;

/// The parts of a tokenizer that say what becomes of text.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) normalizer: Option<Normalizer>,
    pub(super) pre_tokenizer: Option<PreTokenizer>,
    pub(super) model: Model,
    pub(super) shortcut: Option<Shortcut>,
}

/// What normalizer and pre-tokenizer do to pieces of certain ASCII characters, all of them in the same simple way.
#[derive(Debug, Clone)]
pub(super) struct Shortcut {
    /// What becomes of a character; 0 for those that are no case for this.
    pub(super) becomes: [u8; 128],
    /// What is put in front.
    pub(super) before: String,
}

/// Resolves pieces of raw text.
pub(super) struct Resolver<'a> {
    parts: &'a Definition,
    /// Whether the piece is the start of the text.
    pub(super) at_start: bool,
    unigram: unigram::Scratch,
    text: String,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(parts: &'a Definition, at_start: bool) -> Self {
        Self { parts, at_start, unigram: unigram::Scratch::default(), text: String::new() }
    }

    /// Append the ids of a piece of the pre-tokenizer.
    #[inline]
    pub(super) fn push_ids(&mut self, piece: &str, ids: &mut Vec<u32>) -> Result<()> {
        push_ids(&self.parts.model, &mut self.unigram, piece, ids)
    }
}

impl Shortcut {
    /// Write to `text` what becomes of `piece`; false if it is no case for this.
    fn apply(&self, piece: &str, text: &mut String) -> bool {
        text.clear();
        text.push_str(&self.before);
        for &byte in piece.as_bytes() {
            match self.becomes.get(usize::from(byte)) {
                None | Some(0) => return false,
                Some(&becomes) => text.push(becomes as char),
            }
        }
        true
    }
}

impl Resolve for Resolver<'_> {
    fn resolve(&mut self, piece: &str, ids: &mut Vec<u32>) -> Result<()> {
        let Definition { normalizer, pre_tokenizer, model, shortcut } = self.parts;
        if let Some(shortcut) = shortcut
            && shortcut.apply(piece, &mut self.text)
        {
            return push_ids(model, &mut self.unigram, &self.text, ids);
        }
        let normalized = match normalizer {
            Some(normalizer) => normalizer.normalize_plain(piece)?,
            None => piece.into(),
        };
        let Some(pre_tokenizer) = pre_tokenizer else {
            return push_ids(model, &mut self.unigram, &normalized, ids);
        };
        let unigram = &mut self.unigram;
        pre_tokenizer.pieces(&normalized, self.at_start, &mut |piece| push_ids(model, unigram, piece, ids))
    }
}

/// Append the ids of a piece of the pre-tokenizer.
fn push_ids(model: &Model, unigram: &mut unigram::Scratch, piece: &str, ids: &mut Vec<u32>) -> Result<()> {
    match model {
        Model::WordPiece(model) => model.push_ids(piece, ids),
        Model::Unigram(model) => model.push_ids(piece, unigram, ids),
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
