//! Models: what turns a piece of text into tokens.

mod automaton;
pub mod bpe;
mod describe;
mod random;
pub mod unigram;
pub mod vocabulary;
pub mod wordlevel;
pub mod wordpiece;

use std::sync::Arc;

pub use bpe::{Bpe, BpeOptions};
pub use unigram::{Unigram, UnigramOptions};
pub use vocabulary::Vocabulary;
pub use wordlevel::WordLevel;
pub use wordpiece::{WordPiece, WordPieceOptions};

use crate::error::Result;

/// A token of one piece, and the bytes of the piece that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceToken {
    pub id: u32,
    pub start: u32,
    pub end: u32,
    /// The token's text is that of the piece, not that of the vocabulary.
    pub verbatim: bool,
}

/// The model of a tokenizer; cheap to clone.
#[derive(Debug, Clone)]
pub enum Model {
    Bpe(Arc<Bpe>),
    WordPiece(Arc<WordPiece>),
    WordLevel(Arc<WordLevel>),
    Unigram(Arc<Unigram>),
}

impl Model {
    /// The tokens and their ids.
    pub fn vocabulary(&self) -> &Vocabulary {
        match self {
            Self::Bpe(model) => model.vocabulary(),
            Self::WordPiece(model) => model.vocabulary(),
            Self::WordLevel(model) => model.vocabulary(),
            Self::Unigram(model) => model.vocabulary(),
        }
    }

    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.vocabulary().id(token)
    }

    pub fn id_to_token(&self, id: u32) -> Option<&str> {
        self.vocabulary().token(id)
    }

    /// Number of tokens, added ones not counted.
    pub fn vocab_size(&self) -> usize {
        self.vocabulary().len()
    }

    /// One past the largest id.
    pub fn id_bound(&self) -> usize {
        self.vocabulary().id_bound()
    }

    /// Whether the tokens of a piece are drawn at random, so that they must not be kept.
    pub fn is_random(&self) -> bool {
        match self {
            Self::Bpe(model) => model.is_random(),
            Self::Unigram(model) => model.is_random(),
            Self::WordPiece(_) | Self::WordLevel(_) => false,
        }
    }

    /// Append the tokens of one piece.
    pub fn tokenize(&self, piece: &str, tokens: &mut Vec<PieceToken>) -> Result<()> {
        let token = |id, start, end| PieceToken { id, start, end, verbatim: false };
        match self {
            Self::Bpe(bpe) => {
                let mut symbols = Vec::new();
                bpe.tokenize(piece, &mut symbols)?;
                let mut end = 0;
                tokens.extend(symbols.into_iter().map(|symbol| {
                    let start = end;
                    end += symbol.len;
                    token(symbol.id, start, end)
                }));
            }
            Self::WordPiece(model) => {
                let (before, mut start) = (tokens.len(), 0);
                let known = model.split(piece, |id, end| {
                    tokens.push(token(id, start, end as u32));
                    start = end as u32;
                })?;
                if !known {
                    tokens.truncate(before);
                    tokens.push(token(model.unknown()?, 0, piece.len() as u32));
                }
            }
            Self::WordLevel(model) => tokens.push(token(model.id(piece)?, 0, piece.len() as u32)),
            Self::Unigram(model) => model.tokenize(piece, tokens)?,
        }
        Ok(())
    }

    /// Whether both are one and the same, not merely equal.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bpe(mine), Self::Bpe(theirs)) => Arc::ptr_eq(mine, theirs),
            (Self::WordPiece(mine), Self::WordPiece(theirs)) => Arc::ptr_eq(mine, theirs),
            (Self::WordLevel(mine), Self::WordLevel(theirs)) => Arc::ptr_eq(mine, theirs),
            (Self::Unigram(mine), Self::Unigram(theirs)) => Arc::ptr_eq(mine, theirs),
            _ => false,
        }
    }
}
