//! The `normalizer` section.

use serde::Serialize;

use super::{Json, base64};
use crate::error::{Result, TokenizerError};
use crate::normalizer::{Bert, Normalizer, Precompiled, Replace};
use crate::pattern::{Pattern, Source};
use crate::unicode::forms::Form;

const SUPPORTED: &str = "BertNormalizer, Strip, StripAccents, NFC, NFD, NFKC, NFKD, Sequence, Lowercase, Nmt, \
                         Precompiled, Replace, Prepend, ByteLevel";

pub(super) fn read(json: &Json<'_>) -> Result<Normalizer> {
    // Older files name no type, or another one, and give settings by their order: the first type that they fit is
    // taken.
    let fields = Fields { json };
    let name = fields.optional("type", 0)?.and_then(|name| name.string().ok());
    Ok(match name.unwrap_or_default() {
        "Bert" | "BertNormalizer" => read_bert(&fields)?,
        "Strip" => read_strip(&fields)?,
        "StripAccents" => Normalizer::StripAccents,
        "NFC" => Normalizer::Unicode(Form::Nfc),
        "NFD" => Normalizer::Unicode(Form::Nfd),
        "NFKC" => Normalizer::Unicode(Form::Nfkc),
        "NFKD" => Normalizer::Unicode(Form::Nfkd),
        "Sequence" => read_sequence(&fields)?,
        "Lowercase" => Normalizer::Lowercase,
        "Nmt" => Normalizer::Nmt,
        "Precompiled" => read_precompiled(&fields)?,
        "Replace" => read_replace(&fields)?,
        "Prepend" => read_prepend(&fields)?,
        "ByteLevel" => Normalizer::ByteLevel,
        other => read_bert(&fields)
            .or_else(|_| read_strip(&fields))
            .or_else(|_| read_sequence(&fields))
            .or_else(|_| read_replace(&fields))
            .or_else(|_| read_prepend(&fields))
            .map_err(|_| TokenizerError::unsupported(json.path(), other, SUPPORTED))?,
    })
}

/// Settings by name, or by place in an array.
struct Fields<'j, 'a> {
    json: &'j Json<'a>,
}

impl<'a> Fields<'_, 'a> {
    fn optional(&self, name: &str, place: usize) -> Result<Option<Json<'a>>> {
        match self.json.elements() {
            Ok(elements) => Ok(elements.into_iter().nth(place)),
            Err(_) => self.json.optional(name),
        }
    }

    fn field(&self, name: &str, place: usize) -> Result<Json<'a>> {
        self.optional(name, place)?.ok_or_else(|| self.json.error(format!("field {name:?} is missing")))
    }

    /// An error unless there are just `count` settings, where they come by place.
    fn expect(&self, count: usize) -> Result<()> {
        match self.json.elements() {
            Ok(elements) if elements.len() != count => {
                Err(self.json.error(format!("found {} elements, expected {count}", elements.len())))
            }
            _ => Ok(()),
        }
    }
}

fn read_bert(fields: &Fields<'_, '_>) -> Result<Normalizer> {
    fields.expect(4)?;
    let strip_accents = fields.optional("strip_accents", 2)?.filter(|json| !json.is_null());
    Ok(Normalizer::Bert(Bert {
        clean_text: fields.field("clean_text", 0)?.boolean()?,
        handle_chinese_chars: fields.field("handle_chinese_chars", 1)?.boolean()?,
        strip_accents: strip_accents.map(|json| json.boolean()).transpose()?,
        lowercase: fields.field("lowercase", 3)?.boolean()?,
    }))
}

fn read_strip(fields: &Fields<'_, '_>) -> Result<Normalizer> {
    fields.expect(2)?;
    let left = fields.field("strip_left", 0)?.boolean()?;
    Ok(Normalizer::Strip { left, right: fields.field("strip_right", 1)?.boolean()? })
}

fn read_sequence(fields: &Fields<'_, '_>) -> Result<Normalizer> {
    fields.expect(1)?;
    let parts = fields.field("normalizers", 0)?.elements()?.iter().map(read).collect::<Result<_>>()?;
    Ok(Normalizer::Sequence(parts))
}

fn read_precompiled(fields: &Fields<'_, '_>) -> Result<Normalizer> {
    let json = fields.field("precompiled_charsmap", 0)?;
    // Padding may be missing, as in the reference.
    let mut text = json.string()?.trim_end_matches('=').as_bytes().to_vec();
    text.resize(text.len().next_multiple_of(4), b'=');
    let mut charsmap = Vec::new();
    base64::decode_into(&text, &mut charsmap, || json.path().to_owned())?;
    let map = Precompiled::new(charsmap).map_err(|error| json.error(error.to_string()))?;
    // A field of ours, which others pass over.
    let longest = fields.optional("longest_match", 1).ok().flatten().and_then(|json| json.boolean().ok());
    Ok(Normalizer::Precompiled(if longest == Some(true) { map.with_longest_match() } else { map }))
}

fn read_replace(fields: &Fields<'_, '_>) -> Result<Normalizer> {
    fields.expect(2)?;
    let (pattern, content) = (fields.field("pattern", 0)?, fields.field("content", 1)?);
    let pattern = match pattern.entries()?.as_slice() {
        [("String", text)] => Pattern::literal(text.string()?),
        [("Regex", text)] => Pattern::regex(text.string()?).map_err(|error| text.error(error.to_string()))?,
        _ => return Err(pattern.error("expected {\"String\": ...} or {\"Regex\": ...}")),
    };
    Ok(Normalizer::Replace(Replace { pattern, content: content.string()?.to_owned() }))
}

fn read_prepend(fields: &Fields<'_, '_>) -> Result<Normalizer> {
    fields.expect(1)?;
    Ok(Normalizer::Prepend(fields.field("prepend", 0)?.string()?.to_owned()))
}

#[derive(Serialize)]
pub(super) enum PatternWrite<'a> {
    String(&'a str),
    Regex(&'a str),
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum NormalizerWrite<'a> {
    BertNormalizer {
        clean_text: bool,
        handle_chinese_chars: bool,
        strip_accents: Option<bool>,
        lowercase: bool,
    },
    Strip {
        strip_left: bool,
        strip_right: bool,
    },
    StripAccents,
    #[serde(rename = "NFC")]
    Nfc,
    #[serde(rename = "NFD")]
    Nfd,
    #[serde(rename = "NFKC")]
    Nfkc,
    #[serde(rename = "NFKD")]
    Nfkd,
    Sequence {
        normalizers: Vec<NormalizerWrite<'a>>,
    },
    Lowercase,
    Nmt,
    Precompiled {
        precompiled_charsmap: String,
        /// Ours, written where it is true alone.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        longest_match: bool,
    },
    Replace {
        pattern: PatternWrite<'a>,
        content: &'a str,
    },
    Prepend {
        prepend: &'a str,
    },
    ByteLevel,
}

/// An error for a normalizer of the user's own, which no file can hold.
pub(super) fn write(part: &Normalizer) -> Result<NormalizerWrite<'_>> {
    type Write<'a> = NormalizerWrite<'a>;
    Ok(match part {
        Normalizer::Bert(settings) => {
            let Bert { clean_text, handle_chinese_chars, strip_accents, lowercase } = *settings;
            Write::BertNormalizer { clean_text, handle_chinese_chars, strip_accents, lowercase }
        }
        Normalizer::Strip { left, right } => Write::Strip { strip_left: *left, strip_right: *right },
        Normalizer::StripAccents => Write::StripAccents,
        Normalizer::Unicode(Form::Nfc) => Write::Nfc,
        Normalizer::Unicode(Form::Nfd) => Write::Nfd,
        Normalizer::Unicode(Form::Nfkc) => Write::Nfkc,
        Normalizer::Unicode(Form::Nfkd) => Write::Nfkd,
        Normalizer::Sequence(parts) => {
            Write::Sequence { normalizers: parts.iter().map(write).collect::<Result<_>>()? }
        }
        Normalizer::Lowercase => Write::Lowercase,
        Normalizer::Nmt => Write::Nmt,
        Normalizer::Precompiled(map) => {
            let mut precompiled_charsmap = String::new();
            base64::encode_into(map.charsmap(), &mut precompiled_charsmap);
            Write::Precompiled { precompiled_charsmap, longest_match: map.has_longest_match() }
        }
        Normalizer::Replace(replace) => Write::Replace {
            pattern: match replace.pattern.source() {
                Source::Literal(text) => PatternWrite::String(text),
                Source::Regex(text) => PatternWrite::Regex(text),
            },
            content: &replace.content,
        },
        Normalizer::Prepend(text) => Write::Prepend { prepend: text },
        Normalizer::ByteLevel => Write::ByteLevel,
        Normalizer::Custom(_) => {
            return Err(TokenizerError::argument(
                "normalizer",
                "one of your own cannot be written to a file",
            ));
        }
    })
}
