//! Models: what turns a piece of text into tokens.

pub mod bpe;

use std::sync::Arc;

pub use bpe::{Bpe, BpeOptions};

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
}

impl Model {
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        match self {
            Self::Bpe(bpe) => bpe.vocabulary().id(token),
        }
    }

    pub fn id_to_token(&self, id: u32) -> Option<&str> {
        match self {
            Self::Bpe(bpe) => bpe.vocabulary().token(id),
        }
    }

    /// Number of tokens, added ones not counted.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Bpe(bpe) => bpe.vocabulary().len(),
        }
    }

    /// One past the largest id.
    pub fn id_bound(&self) -> usize {
        match self {
            Self::Bpe(bpe) => bpe.vocabulary().id_bound(),
        }
    }

    /// Append the tokens of one piece.
    pub fn tokenize(&self, piece: &str, tokens: &mut Vec<PieceToken>) -> Result<()> {
        match self {
            Self::Bpe(bpe) => {
                let mut symbols = Vec::new();
                bpe.tokenize(piece, &mut symbols)?;
                let mut end = 0;
                tokens.extend(symbols.into_iter().map(|symbol| {
                    let start = end;
                    end += symbol.len;
                    PieceToken { id: symbol.id, start, end, verbatim: false }
                }));
                Ok(())
            }
        }
    }

    /// Whether both are one and the same, not merely equal.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bpe(mine), Self::Bpe(theirs)) => Arc::ptr_eq(mine, theirs),
        }
    }
}
