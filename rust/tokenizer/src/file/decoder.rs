//! The `decoder` section.

use serde::Serialize;

use super::Json;
use super::normalizer::PatternWrite;
use super::pre_tokenizer::{ByteLevelWrite, read_byte_level};
use crate::decoder::{BpeDecoder, Ctc, Decoder, Metaspace, PrependScheme, Strip, WordPiece};
use crate::error::{Result, TokenizerError};
use crate::normalizer::Replace;
use crate::pattern::{Pattern, Source};

const SUPPORTED: &str =
    "BPEDecoder, ByteLevel, WordPiece, Metaspace, CTC, Sequence, Replace, Fuse, Strip, ByteFallback";

pub(super) fn read(json: &Json<'_>) -> Result<Decoder> {
    let name = json.optional("type")?.and_then(|name| name.string().ok());
    match name {
        Some("BPEDecoder") => read_bpe(json),
        Some("ByteLevel") => Ok(Decoder::ByteLevel(read_byte_level(json)?)),
        Some("WordPiece") => read_word_piece(json),
        Some("Metaspace") => read_metaspace(json).map(Decoder::Metaspace),
        Some("CTC") => read_ctc(json),
        Some("Sequence") => {
            let decoders = json.field("decoders")?.elements()?.iter().map(read).collect::<Result<_>>()?;
            Ok(Decoder::Sequence(decoders))
        }
        Some("Replace") => read_replace(json),
        Some("Fuse") => Ok(Decoder::Fuse),
        Some("Strip") => read_strip(json),
        Some("ByteFallback") => Ok(Decoder::ByteFallback),
        _ => read_untagged(json, name),
    }
}

/// Old files have no type: what it is follows from the settings.
fn read_untagged(json: &Json<'_>, name: Option<&str>) -> Result<Decoder> {
    for read in [read_bpe, read_word_piece, read_ctc, read_replace, read_strip] {
        if let Ok(decoder) = read(json) {
            return Ok(decoder);
        }
    }
    match name {
        Some(name) => Err(TokenizerError::unsupported(json.path(), name, SUPPORTED)),
        None => Err(json.error("field \"type\" is missing")),
    }
}

fn read_bpe(json: &Json<'_>) -> Result<Decoder> {
    Ok(Decoder::Bpe(BpeDecoder { suffix: json.field("suffix")?.string()?.to_owned() }))
}

fn read_word_piece(json: &Json<'_>) -> Result<Decoder> {
    let prefix = json.field("prefix")?.string()?.to_owned();
    Ok(Decoder::WordPiece(WordPiece { prefix, cleanup: json.field("cleanup")?.boolean()? }))
}

fn read_ctc(json: &Json<'_>) -> Result<Decoder> {
    Ok(Decoder::Ctc(Ctc {
        pad_token: json.field("pad_token")?.string()?.to_owned(),
        word_delimiter_token: json.field("word_delimiter_token")?.string()?.to_owned(),
        cleanup: json.field("cleanup")?.boolean()?,
    }))
}

fn read_replace(json: &Json<'_>) -> Result<Decoder> {
    let source = json.field("pattern")?;
    let pattern = match source.entries()?.as_slice() {
        [("String", text)] => Pattern::literal(text.string()?),
        [("Regex", text)] => Pattern::regex(text.string()?).map_err(|error| text.error(error.to_string()))?,
        _ => return Err(source.error("expected {\"String\": text} or {\"Regex\": text}")),
    };
    Ok(Decoder::Replace(Replace { pattern, content: json.field("content")?.string()?.to_owned() }))
}

fn read_strip(json: &Json<'_>) -> Result<Decoder> {
    Ok(Decoder::Strip(Strip {
        content: read_character(&json.field("content")?)?,
        start: json.field("start")?.size()?,
        stop: json.field("stop")?.size()?,
    }))
}

fn read_character(json: &Json<'_>) -> Result<char> {
    let text = json.string()?;
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok(character),
        _ => Err(json.error(format!("found {text:?}, expected a string of length 1"))),
    }
}

pub(super) fn read_metaspace(json: &Json<'_>) -> Result<Metaspace> {
    let prepend_scheme =
        json.optional("prepend_scheme")?.map_or(Ok(PrependScheme::Always), |scheme| read_scheme(&scheme))?;
    // Old files say this too, and have to agree.
    let add = json.optional("add_prefix_space")?.map(|add| add.boolean()).transpose()?;
    if add == Some(false) && prepend_scheme != PrependScheme::Never {
        return Err(json.error("add_prefix_space is false, but prepend_scheme is not \"never\""));
    }
    Ok(Metaspace {
        replacement: read_character(&json.field("replacement")?)?,
        prepend_scheme,
        split: json.boolean_or("split", true)?,
    })
}

fn read_scheme(json: &Json<'_>) -> Result<PrependScheme> {
    match json.string()? {
        "first" => Ok(PrependScheme::First),
        "never" => Ok(PrependScheme::Never),
        "always" => Ok(PrependScheme::Always),
        other => Err(json.error(format!("found {other:?}, expected \"first\", \"never\" or \"always\""))),
    }
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum DecoderWrite<'a> {
    #[serde(rename = "BPEDecoder")]
    BpeDecoder {
        suffix: &'a str,
    },
    ByteLevel(ByteLevelWrite),
    WordPiece {
        prefix: &'a str,
        cleanup: bool,
    },
    Metaspace {
        replacement: char,
        prepend_scheme: &'static str,
        split: bool,
    },
    #[serde(rename = "CTC")]
    Ctc {
        pad_token: &'a str,
        word_delimiter_token: &'a str,
        cleanup: bool,
    },
    Sequence {
        decoders: Vec<DecoderWrite<'a>>,
    },
    Replace {
        pattern: PatternWrite<'a>,
        content: &'a str,
    },
    Fuse,
    Strip {
        content: char,
        start: usize,
        stop: usize,
    },
    ByteFallback,
}

/// # Errors
/// A custom decoder, which is not data.
pub(super) fn write(part: &Decoder) -> Result<DecoderWrite<'_>> {
    Ok(match part {
        Decoder::Bpe(BpeDecoder { suffix }) => DecoderWrite::BpeDecoder { suffix },
        Decoder::ByteLevel(settings) => DecoderWrite::ByteLevel((*settings).into()),
        Decoder::ByteFallback => DecoderWrite::ByteFallback,
        Decoder::Ctc(Ctc { pad_token, word_delimiter_token, cleanup }) => {
            DecoderWrite::Ctc { pad_token, word_delimiter_token, cleanup: *cleanup }
        }
        Decoder::Fuse => DecoderWrite::Fuse,
        Decoder::Metaspace(Metaspace { replacement, prepend_scheme, split }) => DecoderWrite::Metaspace {
            replacement: *replacement,
            prepend_scheme: match prepend_scheme {
                PrependScheme::First => "first",
                PrependScheme::Never => "never",
                PrependScheme::Always => "always",
            },
            split: *split,
        },
        Decoder::Replace(replace) => DecoderWrite::Replace {
            pattern: match replace.pattern.source() {
                Source::Literal(text) => PatternWrite::String(text),
                Source::Regex(text) => PatternWrite::Regex(text),
            },
            content: &replace.content,
        },
        Decoder::Sequence(decoders) => {
            DecoderWrite::Sequence { decoders: decoders.iter().map(write).collect::<Result<_>>()? }
        }
        Decoder::Strip(Strip { content, start, stop }) => {
            DecoderWrite::Strip { content: *content, start: *start, stop: *stop }
        }
        Decoder::WordPiece(WordPiece { prefix, cleanup }) => {
            DecoderWrite::WordPiece { prefix, cleanup: *cleanup }
        }
        Decoder::Custom(_) => {
            return Err(TokenizerError::argument("decoder", "a custom decoder cannot be serialized"));
        }
    })
}
