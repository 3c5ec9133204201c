//! Pre-tokenizers: what cuts text into the pieces that the model sees.

mod byte_level;

pub use byte_level::ByteLevel;

use crate::encoding::Characters;
use crate::pipeline::Piece;

/// The pre-tokenizer of a tokenizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreTokenizer {
    ByteLevel(ByteLevel),
}

impl PreTokenizer {
    /// The pieces of `text` and the characters of it that they come from.
    pub fn pre_tokenize(&self, text: &str) -> Vec<(String, (usize, usize))> {
        let mut characters = Characters::new(text);
        let pieces = Piece::whole(text, 0..text.len()).split(Some(self));
        let converted = |piece: Piece| {
            let range = piece.range();
            (piece.text, characters.convert(range))
        };
        pieces.into_iter().map(converted).collect()
    }
}
