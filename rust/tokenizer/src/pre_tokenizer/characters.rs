//! Cutting by what single characters are.
//!
//! White space is the property of that name, which does not change between versions of Unicode. Numbers (`Digits`)
//! are those of Unicode 17, punctuation that of about Unicode 7, scripts those of about Unicode 8, words (`Whitespace`)
//! those of Unicode 16: all but the last from a table that was made by asking the reference.

use std::ops::Range;

use super::table;
use crate::normalized::{SplitBehavior, merge_matches};
use crate::unicode;

fn entry(character: char) -> u16 {
    let code = character as usize;
    let block = table::INDEX.get(code >> 6).and_then(|&block| table::BLOCKS.get(usize::from(block)));
    block.and_then(|block| block.get(code & 63)).copied().unwrap_or(0)
}

#[inline]
pub(crate) fn is_number(character: char) -> bool {
    if character.is_ascii() { character.is_ascii_digit() } else { entry(character) & table::NUMBER != 0 }
}

#[inline]
pub(crate) fn is_punctuation(character: char) -> bool {
    if character.is_ascii() {
        character.is_ascii_punctuation()
    } else {
        entry(character) & table::PUNCTUATION != 0
    }
}

/// The number of its script; 0 for the space and what is not assigned.
#[inline]
pub(super) fn script(character: char) -> u8 {
    (entry(character) & 0xff) as u8
}

/// Cut `text` at the characters for which `is_match` holds.
pub(super) fn cut(
    text: &str,
    is_match: impl Fn(char) -> bool,
    behavior: SplitBehavior,
    emit: &mut dyn FnMut(Range<usize>),
) {
    match behavior {
        SplitBehavior::MergedWithNext | SplitBehavior::MergedWithPrevious => {
            let mut matches = Vec::new();
            runs(text, is_match, true, |range, is_match| matches.push((range, is_match)));
            merge_matches(&matches, behavior).into_iter().for_each(emit);
        }
        SplitBehavior::Isolated => runs(text, is_match, true, |range, _| emit(range)),
        SplitBehavior::Contiguous => runs(text, is_match, false, |range, _| emit(range)),
        SplitBehavior::Removed => runs(text, is_match, false, |range, is_match| {
            if !is_match {
                emit(range);
            }
        }),
    }
}

/// Runs of characters that are matches or not; with `isolated`, each match is a run of its own.
fn runs(
    text: &str,
    is_match: impl Fn(char) -> bool,
    isolated: bool,
    mut emit: impl FnMut(Range<usize>, bool),
) {
    let (mut start, mut run_matches) = (0, false);
    for (at, character) in text.char_indices() {
        let matches = is_match(character);
        if matches == run_matches && !(matches && isolated) {
            continue;
        }
        if start < at {
            emit(start..at, run_matches);
        }
        (start, run_matches) = (at, matches);
    }
    if start < text.len() {
        emit(start..text.len(), run_matches);
    }
}

/// White space goes, punctuation stands alone.
pub(super) fn bert(text: &str, emit: &mut dyn FnMut(Range<usize>)) {
    let mut start = 0;
    for (at, character) in text.char_indices() {
        let punctuation = is_punctuation(character);
        if !punctuation && !character.is_whitespace() {
            continue;
        }
        if start < at {
            emit(start..at);
        }
        start = at + character.len_utf8();
        if punctuation {
            emit(at..start);
        }
    }
    if start < text.len() {
        emit(start..text.len());
    }
}

/// `\w+|[^\w\s]+`
pub(super) fn words(text: &str, emit: &mut dyn FnMut(Range<usize>)) {
    #[derive(PartialEq, Clone, Copy)]
    enum Kind {
        Word,
        Space,
        Other,
    }
    let kind = |character: char| {
        if unicode::is_word(character) {
            Kind::Word
        } else if character.is_whitespace() {
            Kind::Space
        } else {
            Kind::Other
        }
    };
    let (mut start, mut run) = (0, Kind::Space);
    for (at, character) in text.char_indices() {
        let kind = kind(character);
        if kind == run {
            continue;
        }
        if start < at && run != Kind::Space {
            emit(start..at);
        }
        (start, run) = (at, kind);
    }
    if start < text.len() && run != Kind::Space {
        emit(start..text.len());
    }
}

/// Pieces of `length` characters, the last perhaps shorter.
pub(super) fn fixed_length(text: &str, length: usize, emit: &mut dyn FnMut(Range<usize>)) {
    let mut start = 0;
    for (at, _) in text.char_indices().step_by(length.max(1)).skip(1) {
        emit(start..at);
        start = at;
    }
    if start < text.len() {
        emit(start..text.len());
    }
}
