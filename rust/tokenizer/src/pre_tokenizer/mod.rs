//! Pre-tokenizers: what cuts text into the pieces that the model sees.
//!
//! Most only cut; two also change the text: `ByteLevel` spells its bytes, `Metaspace` replaces its spaces. Unicode is,
//! for each type, that of the reference, which follows four versions at once: see [`characters`].

mod byte_level;
mod characters;
mod custom;
mod metaspace;
mod scripts;
mod split;
#[rustfmt::skip]
#[allow(clippy::unreadable_literal, clippy::large_stack_arrays, reason = "generated")]
mod table;

use std::ops::Range;

pub use byte_level::ByteLevel;
pub(crate) use characters::{is_number, is_punctuation};
pub use custom::{Custom, CustomPreTokenizer};
pub use metaspace::{Metaspace, PrependScheme};
pub use split::Split;

use crate::error::{Result, TokenizerError};
use crate::normalized::SplitBehavior;
use crate::pre_tokenized::{OffsetReferential, OffsetType, PreTokenizedString};

/// The pre-tokenizer of a tokenizer.
#[derive(Debug, Clone, PartialEq)]
pub enum PreTokenizer {
    /// At white space, which goes, and around punctuation.
    Bert,
    ByteLevel(ByteLevel),
    /// At this character, which goes.
    CharDelimiterSplit(char),
    /// Around numbers, or each digit of them.
    Digits {
        individual_digits: bool,
    },
    /// Every so many characters, at least one.
    FixedLength(usize),
    Metaspace(Metaspace),
    /// At punctuation.
    Punctuation(SplitBehavior),
    /// One after the other.
    Sequence(Vec<PreTokenizer>),
    /// At matches of a pattern.
    Split(Split),
    /// Where the script changes.
    UnicodeScripts,
    /// Words, and what is neither words nor white space.
    Whitespace,
    /// At white space, which goes.
    WhitespaceSplit,
    Custom(Custom),
}

impl PreTokenizer {
    /// Cut the pieces of `text` that have no tokens yet, and change what this type changes.
    pub fn pre_tokenize(&self, text: &mut PreTokenizedString) -> Result<()> {
        match self {
            Self::ByteLevel(settings) => settings.pre_tokenize(text),
            Self::Metaspace(settings) => settings.pre_tokenize(text),
            Self::Sequence(parts) => parts.iter().try_for_each(|part| part.pre_tokenize(text)),
            Self::Custom(custom) => custom.0.pre_tokenize(text),
            _ => text.split(|_, text| {
                let mut pieces = Vec::new();
                self.pieces(text.get(), &mut |range| pieces.push(text.slice(range)))?;
                Ok(pieces)
            }),
        }
    }

    /// Emit the pieces of `text`, none of them empty, without changing it.
    ///
    /// For `ByteLevel` those are the bytes before they are spelled, of a text that has its space in front; for
    /// `Metaspace` those of a text whose spaces are replaced. Custom pre-tokenizers cannot do this.
    pub fn pieces(&self, text: &str, emit: &mut dyn FnMut(Range<usize>)) -> Result<()> {
        match self {
            Self::Bert => characters::bert(text, emit),
            Self::ByteLevel(settings) => settings.pieces(text, emit),
            Self::CharDelimiterSplit(delimiter) => {
                characters::cut(text, |character| character == *delimiter, SplitBehavior::Removed, emit);
            }
            Self::Digits { individual_digits } => {
                let behavior =
                    if *individual_digits { SplitBehavior::Isolated } else { SplitBehavior::Contiguous };
                characters::cut(text, characters::is_number, behavior, emit);
            }
            Self::FixedLength(length) => characters::fixed_length(text, *length, emit),
            Self::Metaspace(settings) => settings.pieces(text, emit),
            Self::Punctuation(behavior) => {
                characters::cut(text, characters::is_punctuation, *behavior, emit);
            }
            Self::Sequence(parts) => return sequence(parts, text, 0, emit),
            Self::Split(split) => return split.pieces(text, emit),
            Self::UnicodeScripts => scripts::cut(text, emit),
            Self::Whitespace => characters::words(text, emit),
            Self::WhitespaceSplit => {
                characters::cut(text, char::is_whitespace, SplitBehavior::Removed, emit);
            }
            Self::Custom(_) => {
                let message = "a custom pre-tokenizer has no pieces without their places in a text";
                return Err(TokenizerError::argument("pre_tokenizer", message));
            }
        }
        Ok(())
    }

    /// Whether pieces are parts of the text as it is, so that [`pieces`](Self::pieces) says everything.
    pub fn only_cuts(&self) -> bool {
        match self {
            Self::ByteLevel(_) | Self::Metaspace(_) | Self::Custom(_) => false,
            Self::Sequence(parts) => parts.iter().all(Self::only_cuts),
            _ => true,
        }
    }

    /// Whether a custom pre-tokenizer is part of this.
    pub fn is_custom(&self) -> bool {
        match self {
            Self::Custom(_) => true,
            Self::Sequence(parts) => parts.iter().any(Self::is_custom),
            _ => false,
        }
    }

    /// The pieces of `text` and the characters of it that they come from.
    pub fn pre_tokenize_str(&self, text: &str) -> Result<Vec<(String, (usize, usize))>> {
        let mut pre_tokenized = PreTokenizedString::new(text);
        self.pre_tokenize(&mut pre_tokenized)?;
        let offsets = pre_tokenized.offsets(OffsetReferential::Original, OffsetType::Character);
        let texts = pre_tokenized.splits().iter().map(|split| split.text.get().to_owned());
        Ok(texts.zip(offsets).collect())
    }
}

/// The pieces that the parts make one after the other; `base` is where `text` starts in the whole.
fn sequence(
    parts: &[PreTokenizer],
    text: &str,
    base: usize,
    emit: &mut dyn FnMut(Range<usize>),
) -> Result<()> {
    let Some((first, rest)) = parts.split_first() else {
        if !text.is_empty() {
            emit(base..base + text.len());
        }
        return Ok(());
    };
    let mut result = Ok(());
    first.pieces(text, &mut |range| {
        if result.is_ok() {
            let piece = text.get(range.clone()).unwrap_or_default();
            result = sequence(rest, piece, base + range.start, emit);
        }
    })?;
    result
}
