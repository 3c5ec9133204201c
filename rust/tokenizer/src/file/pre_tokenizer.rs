//! The `pre_tokenizer` section.

use serde::Serialize;

use super::Json;
use crate::error::{Result, TokenizerError};
use crate::normalized::SplitBehavior;
use crate::pattern::{Pattern, Source};
use crate::pre_tokenizer::{ByteLevel, Metaspace, PreTokenizer, PrependScheme, Split};

/// How deep sequences may lie in each other; the parser of JSON has its own limit of 128.
const MAX_DEPTH: usize = 100;

pub(super) fn read(json: &Json<'_>) -> Result<PreTokenizer> {
    read_at(json, MAX_DEPTH)
}

fn read_at(json: &Json<'_>, depth: usize) -> Result<PreTokenizer> {
    Ok(match json.type_name()? {
        "BertPreTokenizer" => PreTokenizer::Bert,
        "ByteLevel" => PreTokenizer::ByteLevel(read_byte_level(json)?),
        "CharDelimiterSplit" => PreTokenizer::CharDelimiterSplit(character(&json.field("delimiter")?)?),
        "Digits" => PreTokenizer::Digits { individual_digits: json.field("individual_digits")?.boolean()? },
        "FixedLength" => {
            let length = json.optional("length")?.map_or(Ok(5), |json| json.size())?;
            if length == 0 {
                return Err(json.error("length is 0, expected at least 1"));
            }
            PreTokenizer::FixedLength(length)
        }
        "Metaspace" => PreTokenizer::Metaspace(super::decoder::read_metaspace(json)?),
        "Punctuation" => {
            let behavior = json.optional("behavior")?;
            PreTokenizer::Punctuation(
                behavior.map_or(Ok(SplitBehavior::Isolated), |json| read_behavior(&json))?,
            )
        }
        "Sequence" => {
            let depth = depth.checked_sub(1).ok_or_else(|| json.error("too many sequences in each other"))?;
            let parts = json.field("pretokenizers")?.elements()?;
            PreTokenizer::Sequence(parts.iter().map(|part| read_at(part, depth)).collect::<Result<_>>()?)
        }
        "Split" => PreTokenizer::Split(Split {
            pattern: read_pattern(&json.field("pattern")?)?,
            behavior: read_behavior(&json.field("behavior")?)?,
            invert: json.field("invert")?.boolean()?,
        }),
        "UnicodeScripts" => PreTokenizer::UnicodeScripts,
        "Whitespace" => PreTokenizer::Whitespace,
        "WhitespaceSplit" => PreTokenizer::WhitespaceSplit,
        other => {
            let supported = "BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, FixedLength, Metaspace, \
                             Punctuation, Sequence, Split, UnicodeScripts, Whitespace, WhitespaceSplit";
            return Err(TokenizerError::unsupported(json.path(), other, supported));
        }
    })
}

pub(super) fn read_byte_level(json: &Json<'_>) -> Result<ByteLevel> {
    Ok(ByteLevel {
        add_prefix_space: json.field("add_prefix_space")?.boolean()?,
        trim_offsets: json.field("trim_offsets")?.boolean()?,
        use_regex: json.boolean_or("use_regex", true)?,
    })
}

/// `{"String": ...}` or `{"Regex": ...}`
fn read_pattern(json: &Json<'_>) -> Result<Pattern> {
    let entries = json.entries()?;
    match entries.as_slice() {
        [("String", text)] => Ok(Pattern::literal(text.string()?)),
        [("Regex", text)] => Pattern::regex(text.string()?).map_err(|error| text.error(error.to_string())),
        _ => Err(json.error("expected an object with one field, String or Regex")),
    }
}

fn read_behavior(json: &Json<'_>) -> Result<SplitBehavior> {
    let found = json.string()?;
    let all = [
        SplitBehavior::Removed,
        SplitBehavior::Isolated,
        SplitBehavior::MergedWithPrevious,
        SplitBehavior::MergedWithNext,
        SplitBehavior::Contiguous,
    ];
    all.into_iter().find(|behavior| behavior_name(*behavior) == found).ok_or_else(|| {
        json.error(format!(
            "found {found:?}, expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous"
        ))
    })
}

fn behavior_name(behavior: SplitBehavior) -> &'static str {
    match behavior {
        SplitBehavior::Removed => "Removed",
        SplitBehavior::Isolated => "Isolated",
        SplitBehavior::MergedWithPrevious => "MergedWithPrevious",
        SplitBehavior::MergedWithNext => "MergedWithNext",
        SplitBehavior::Contiguous => "Contiguous",
    }
}

fn character(json: &Json<'_>) -> Result<char> {
    let text = json.string()?;
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(json.error(format!("found {text:?}, expected a string of length 1"))),
    }
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
pub(super) enum PatternWrite<'a> {
    String(&'a str),
    Regex(&'a str),
}

impl<'a> From<&'a Pattern> for PatternWrite<'a> {
    fn from(pattern: &'a Pattern) -> Self {
        match pattern.source() {
            Source::Literal(text) => Self::String(text),
            Source::Regex(text) => Self::Regex(text),
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum PreTokenizerWrite<'a> {
    BertPreTokenizer,
    ByteLevel(ByteLevelWrite),
    CharDelimiterSplit { delimiter: char },
    Digits { individual_digits: bool },
    FixedLength { length: usize },
    Metaspace { replacement: char, prepend_scheme: &'static str, split: bool },
    Punctuation { behavior: &'static str },
    Sequence { pretokenizers: Vec<PreTokenizerWrite<'a>> },
    Split { pattern: PatternWrite<'a>, behavior: &'static str, invert: bool },
    UnicodeScripts,
    Whitespace,
    WhitespaceSplit,
}

/// An error for custom pre-tokenizers, which have no form in a file.
pub(super) fn write(part: &PreTokenizer) -> Result<PreTokenizerWrite<'_>> {
    Ok(match part {
        PreTokenizer::Bert => PreTokenizerWrite::BertPreTokenizer,
        PreTokenizer::ByteLevel(settings) => PreTokenizerWrite::ByteLevel((*settings).into()),
        PreTokenizer::CharDelimiterSplit(delimiter) => {
            PreTokenizerWrite::CharDelimiterSplit { delimiter: *delimiter }
        }
        PreTokenizer::Digits { individual_digits } => {
            PreTokenizerWrite::Digits { individual_digits: *individual_digits }
        }
        PreTokenizer::FixedLength(length) => PreTokenizerWrite::FixedLength { length: *length },
        PreTokenizer::Metaspace(Metaspace { replacement, prepend_scheme, split }) => {
            PreTokenizerWrite::Metaspace {
                replacement: *replacement,
                prepend_scheme: scheme_name(*prepend_scheme),
                split: *split,
            }
        }
        PreTokenizer::Punctuation(behavior) => {
            PreTokenizerWrite::Punctuation { behavior: behavior_name(*behavior) }
        }
        PreTokenizer::Sequence(parts) => {
            PreTokenizerWrite::Sequence { pretokenizers: parts.iter().map(write).collect::<Result<_>>()? }
        }
        PreTokenizer::Split(split) => PreTokenizerWrite::Split {
            pattern: (&split.pattern).into(),
            behavior: behavior_name(split.behavior),
            invert: split.invert,
        },
        PreTokenizer::UnicodeScripts => PreTokenizerWrite::UnicodeScripts,
        PreTokenizer::Whitespace => PreTokenizerWrite::Whitespace,
        PreTokenizer::WhitespaceSplit => PreTokenizerWrite::WhitespaceSplit,
        PreTokenizer::Custom(_) => {
            let message = "a custom pre-tokenizer cannot be saved";
            return Err(TokenizerError::argument("pre_tokenizer", message));
        }
    })
}

fn scheme_name(scheme: PrependScheme) -> &'static str {
    match scheme {
        PrependScheme::First => "first",
        PrependScheme::Never => "never",
        PrependScheme::Always => "always",
    }
}
