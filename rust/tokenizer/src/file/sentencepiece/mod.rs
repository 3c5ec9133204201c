//! SentencePiece's `.model` files: the pieces and how text is normalized, as a tokenizer.json would say it.
//!
//! Ids are those of the `sentencepiece` package, where its ways and those of tokenizer.json differ:
//! - Merges are those that scores imply, by the argument of [`ranks`](crate::ranks): each piece has at most one.
//! - White space is collapsed and cut off, and the space in front put there, as the file says.
//! - Control symbols in text are text: `encode_special_tokens` is on. Nothing is added around a text.

mod model;
mod pipeline;

use std::path::Path;

use ferrolm_base::read;

use super::MAX_FILE_BYTES;
use crate::error::Result;
use crate::tokenizer::Tokenizer;

pub(super) use model::{Algorithm, Kind, ModelProto, Piece, Spec};
pub(super) use pipeline::{document, finish};

/// The tokenizer of a `.model` file.
pub fn from_sentencepiece(path: &Path) -> Result<Tokenizer> {
    sentencepiece_from_bytes(&read::bytes(path, MAX_FILE_BYTES)?, &path.display().to_string())
}

/// The tokenizer of the bytes of a `.model` file; errors name `source_name`.
pub fn sentencepiece_from_bytes(bytes: &[u8], source_name: &str) -> Result<Tokenizer> {
    let model = ModelProto::parse(bytes).map_err(|error| error.named(source_name))?;
    pipeline::tokenizer(&model, source_name)
}

/// Whether the bytes begin like a `.model` file: with a piece.
pub fn is_sentencepiece(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x0A) && ModelProto::parse(bytes).is_ok()
}
