//! The `pre_tokenizer` section.

use serde::Serialize;

use super::Json;
use crate::error::{Result, TokenizerError};
use crate::pre_tokenizer::{ByteLevel, PreTokenizer};

pub(super) fn read(json: &Json<'_>) -> Result<PreTokenizer> {
    match json.type_name()? {
        "ByteLevel" => Ok(PreTokenizer::ByteLevel(read_byte_level(json)?)),
        other => Err(TokenizerError::unsupported(json.path(), other, "ByteLevel")),
    }
}

pub(super) fn read_byte_level(json: &Json<'_>) -> Result<ByteLevel> {
    Ok(ByteLevel {
        add_prefix_space: json.field("add_prefix_space")?.boolean()?,
        trim_offsets: json.field("trim_offsets")?.boolean()?,
        use_regex: json.boolean_or("use_regex", true)?,
    })
}

#[derive(Serialize)]
pub(super) struct ByteLevelWrite {
    add_prefix_space: bool,
    trim_offsets: bool,
    use_regex: bool,
}

impl From<ByteLevel> for ByteLevelWrite {
    fn from(settings: ByteLevel) -> Self {
        let ByteLevel { add_prefix_space, trim_offsets, use_regex } = settings;
        Self { add_prefix_space, trim_offsets, use_regex }
    }
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum PreTokenizerWrite {
    ByteLevel(ByteLevelWrite),
}

pub(super) fn write(part: &PreTokenizer) -> PreTokenizerWrite {
    match part {
        PreTokenizer::ByteLevel(settings) => PreTokenizerWrite::ByteLevel((*settings).into()),
    }
}
