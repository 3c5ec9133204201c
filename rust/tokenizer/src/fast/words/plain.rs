//! The pieces of a pre-tokenizer as plain text, for text whose places do not matter.

use std::ops::Range;

use crate::byte_level::spell;
use crate::error::Result;
use crate::pre_tokenizer::{Metaspace, PreTokenizer, PrependScheme};

/// Whether [`pieces`] can do what a pre-tokenizer does.
pub(super) fn is_plain(pre_tokenizer: &PreTokenizer) -> bool {
    match pre_tokenizer {
        PreTokenizer::Custom(_) => false,
        // Only of the whole stretch is it known whether it is the start of the text.
        PreTokenizer::Sequence(parts) => parts.iter().all(is_plain) && !parts.iter().skip(1).any(knows_start),
        _ => true,
    }
}

/// Whether it makes a difference that a stretch is the start of the text.
pub(super) fn knows_start(pre_tokenizer: &PreTokenizer) -> bool {
    match pre_tokenizer {
        PreTokenizer::Metaspace(settings) => settings.prepend_scheme == PrependScheme::First,
        PreTokenizer::Sequence(parts) => parts.iter().any(knows_start),
        _ => false,
    }
}

/// Emit what the pre-tokenizer makes of `text`.
pub(super) fn pieces(
    pre_tokenizer: &PreTokenizer,
    text: &str,
    at_start: bool,
    emit: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    match pre_tokenizer {
        PreTokenizer::Sequence(parts) => sequence(parts, text, at_start, emit),
        PreTokenizer::Metaspace(settings) => {
            let replaced = replace(settings, text, at_start);
            cut(pre_tokenizer, &replaced, emit)
        }
        PreTokenizer::ByteLevel(settings) => {
            let spaced = settings.adds_space(text).then(|| [" ", text].concat());
            cut(pre_tokenizer, spaced.as_deref().unwrap_or(text), &mut |piece| emit(&spell(piece.as_bytes())))
        }
        _ => cut(pre_tokenizer, text, emit),
    }
}

fn sequence(
    parts: &[PreTokenizer],
    text: &str,
    at_start: bool,
    emit: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    match parts {
        [] if text.is_empty() => Ok(()),
        [] => emit(text),
        [last] => pieces(last, text, at_start, emit),
        [first, rest @ ..] => pieces(first, text, at_start, &mut |piece| sequence(rest, piece, false, emit)),
    }
}

/// A text with its spaces replaced and the replacement in front where it belongs.
fn replace(settings: &Metaspace, text: &str, at_start: bool) -> String {
    let Metaspace { replacement, prepend_scheme, .. } = *settings;
    let prepends = match prepend_scheme {
        PrependScheme::Always => true,
        PrependScheme::First => at_start,
        PrependScheme::Never => false,
    };
    let mut replaced = String::with_capacity(text.len() + text.len() / 2 + 4);
    if prepends && !text.is_empty() && !text.starts_with([' ', replacement]) {
        replaced.push(replacement);
    }
    for (index, part) in text.split(' ').enumerate() {
        if index > 0 {
            replaced.push(replacement);
        }
        replaced.push_str(part);
    }
    replaced
}

/// Emit the parts between cuts.
fn cut(pre_tokenizer: &PreTokenizer, text: &str, emit: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    let mut result = Ok(());
    pre_tokenizer.pieces(text, &mut |range: Range<usize>| {
        if result.is_ok() {
            result = emit(text.get(range).unwrap_or_default());
        }
    })?;
    result
}
