//! Normalizers: what changes text before it is cut into pieces.
//!
//! Each exists twice: [`normalize`](Normalizer::normalize) keeps track of where every byte comes from, and
//! [`normalize_plain`](Normalizer::normalize_plain) gives the same text alone, many times faster. Unicode is, for each
//! type, that of the reference: see [`crate::unicode`].

mod bert;
mod byte_level;
mod clean;
mod custom;
mod longest;
mod lowercase;
mod output;
mod precompiled;
#[cfg(test)]
mod precompiled_entries;
mod replace;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use bert::Bert;
pub use custom::{Custom, CustomNormalizer};
pub use precompiled::Precompiled;
pub use replace::Replace;

use crate::error::{Result, TokenizerError};
use crate::normalized::NormalizedString;
use crate::unicode::forms::Form;

/// The normalizer of a tokenizer.
#[derive(Debug, Clone, PartialEq)]
pub enum Normalizer {
    Bert(Bert),
    /// Removes white space at the start, at the end, or both.
    Strip {
        left: bool,
        right: bool,
    },
    /// Removes combining marks.
    StripAccents,
    /// NFC, NFD, NFKC or NFKD.
    Unicode(Form),
    /// One after the other.
    Sequence(Vec<Normalizer>),
    Lowercase,
    /// Removes control characters and makes other separators spaces.
    Nmt,
    Precompiled(Precompiled),
    Replace(Replace),
    /// Puts this before text that is not empty.
    Prepend(String),
    /// Spells each byte as the character that stands for it.
    ByteLevel,
    Custom(Custom),
}

impl Normalizer {
    /// Change `text` in place, keeping track of where every byte comes from.
    pub fn normalize(&self, text: &mut NormalizedString) -> Result<()> {
        let (found, limit) = (text.whole().len(), NormalizedString::MAX_BYTES);
        if found > limit {
            return Err(TokenizerError::Limit { what: "bytes of text to normalize", found, limit });
        }
        match self {
            Self::Bert(settings) => settings.normalize(text),
            Self::Strip { left: true, right: true } => text.strip(),
            Self::Strip { left: true, right: false } => text.lstrip(),
            Self::Strip { left: false, right: true } => text.rstrip(),
            Self::Strip { left: false, right: false } => {}
            Self::StripAccents => clean::strip_accents(text),
            Self::Unicode(form) => text.to_form(*form),
            Self::Sequence(parts) => parts.iter().try_for_each(|part| part.normalize(text))?,
            Self::Lowercase => text.lowercase(),
            Self::Nmt => clean::nmt(text),
            Self::Precompiled(map) => map.normalize(text),
            Self::Replace(replace) => replace.normalize(text)?,
            Self::Prepend(before) => text.prepend(before),
            Self::ByteLevel => byte_level::normalize(text),
            Self::Custom(custom) => custom.0.normalize(text)?,
        }
        Ok(())
    }

    /// The normalized form of `text`; the text itself where nothing changes.
    pub fn normalize_plain<'a>(&self, text: &'a str) -> Result<Cow<'a, str>> {
        Ok(match self {
            Self::Bert(settings) => settings.plain(text),
            Self::Strip { left, right } => {
                let text = if *left { text.trim_start() } else { text };
                Cow::Borrowed(if *right { text.trim_end() } else { text })
            }
            Self::StripAccents => clean::strip_accents_plain(text),
            Self::Unicode(form) => form.apply(text),
            Self::Sequence(parts) => sequence(parts, text)?,
            Self::Lowercase => lowercase::plain(text),
            Self::Nmt => clean::nmt_plain(text),
            Self::Precompiled(map) => map.plain(text),
            Self::Replace(replace) => replace.plain(text)?,
            Self::Prepend(_) if text.is_empty() => Cow::Borrowed(text),
            Self::Prepend(before) => Cow::Owned([before, text].concat()),
            Self::ByteLevel => byte_level::plain(text),
            Self::Custom(_) => {
                let mut normalized = NormalizedString::new(text);
                self.normalize(&mut normalized)?;
                Cow::Owned(normalized.get().to_owned())
            }
        })
    }
}

fn sequence<'a>(parts: &[Normalizer], text: &'a str) -> Result<Cow<'a, str>> {
    let mut current = Cow::Borrowed(text);
    for part in parts {
        current = match current {
            Cow::Borrowed(text) => part.normalize_plain(text)?,
            Cow::Owned(text) => match part.normalize_plain(&text)? {
                // Only what is the whole text may be taken for it: stripping borrows a part.
                Cow::Borrowed(same) if same.len() == text.len() => Cow::Owned(text),
                other => Cow::Owned(other.into_owned()),
            },
        };
    }
    Ok(current)
}
