//! The `decoder` section.

use serde::Serialize;

use super::Json;
use super::pre_tokenizer::ByteLevelWrite;
use crate::decoder::Decoder;
use crate::error::{Result, TokenizerError};
use crate::pre_tokenizer::ByteLevel;

pub(super) fn read(json: &Json<'_>) -> Result<Decoder> {
    match json.type_name()? {
        "ByteLevel" => Ok(Decoder::ByteLevel),
        other => Err(TokenizerError::unsupported(json.path(), other, "ByteLevel")),
    }
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum DecoderWrite {
    /// The format repeats the settings of the pre-tokenizer here; decoding ignores them.
    ByteLevel(ByteLevelWrite),
}

pub(super) fn write(part: &Decoder) -> DecoderWrite {
    match part {
        Decoder::ByteLevel => DecoderWrite::ByteLevel(ByteLevel::default().into()),
    }
}
