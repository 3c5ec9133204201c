//! Models: what turns a piece of text into tokens.

pub mod bpe;

use std::sync::Arc;

pub use bpe::{Bpe, BpeOptions};

use bpe::Symbol;

use crate::error::Result;

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

    /// Tokens of one piece, appended to `symbols` with the bytes of the piece that each covers.
    pub fn tokenize(&self, piece: &str, symbols: &mut Vec<Symbol>) -> Result<()> {
        match self {
            Self::Bpe(bpe) => bpe.tokenize(piece, symbols),
        }
    }
}
