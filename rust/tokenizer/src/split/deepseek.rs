//! The pre-tokenizer of DeepSeek V3 and R1: three patterns, each applied to what the ones before cut.
//!
//! Numbers of one to three digits, runs of Chinese characters and kana, then within each piece
//! ``[!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+``.
//! What no pattern matches stays together as a piece.

use std::ops::Range;

use super::{bytes_end, category_at, run_end, space_end};
use crate::unicode::{Categories, Category};

const WORD: Categories = Categories::LETTER.or(Categories::MARK);
const CUT: Categories = Categories::HAN.or(Categories::NUMBER);

/// Emit the byte range of each piece of `text`, in order; the ranges cover the text.
pub(super) fn split(text: &str, mut emit: impl FnMut(Range<usize>)) {
    let mut start = 0;
    while let Some((category, _)) = category_at(text, start) {
        if category == Category::Number {
            let end = three_numbers_end(text, start);
            emit(start..end);
            start = end;
            continue;
        }
        let set = if category.is(Categories::HAN) { Categories::HAN } else { CUT.not() };
        let end = run_end(text, start, set);
        within(&text[start..end], |piece| emit(start + piece.start..start + piece.end));
        start = end;
    }
}

fn three_numbers_end(text: &str, start: usize) -> usize {
    let mut end = start;
    for _ in 0..3 {
        match category_at(text, end) {
            Some((Category::Number, length)) => end += length,
            _ => break,
        }
    }
    end
}

/// The last pattern, on a piece of the ones before.
fn within(text: &str, mut emit: impl FnMut(Range<usize>)) {
    let (mut start, mut at) = (0, 0);
    while let Some((category, length)) = category_at(text, at) {
        match match_end(text, at, category, length) {
            None => at += length,
            Some(end) => {
                if start < at {
                    emit(start..at);
                }
                emit(at..end);
                (start, at) = (end, end);
            }
        }
    }
    if start < at {
        emit(start..at);
    }
}

/// The end of the match at `at`, where a character of that category and length is.
fn match_end(text: &str, at: usize, category: Category, length: usize) -> Option<usize> {
    let bytes = &text.as_bytes()[at..];
    if bytes[0].is_ascii_punctuation() {
        let letters = bytes[1..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        if letters > 0 {
            return Some(at + 1 + letters);
        }
    }
    let run = |from| Some(run_end(text, from, WORD)).filter(|&end| end > from);
    let breaks = matches!(bytes[0], b'\r' | b'\n');
    if !breaks
        && !category.is(Categories::LETTER.or(Categories::GRAPHIC))
        && let Some(end) = run(at + length)
    {
        return Some(end);
    }
    if let Some(end) = run(at) {
        return Some(end);
    }
    let after_space = at + usize::from(bytes[0] == b' ');
    let end = run_end(text, after_space, Categories::GRAPHIC);
    if end > after_space {
        return Some(bytes_end(text, end, b"\r\n"));
    }
    (category == Category::Space).then(|| space_end(text, at))
}
