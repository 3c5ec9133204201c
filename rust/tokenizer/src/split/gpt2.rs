//! The pre-tokenizer of GPT-2:
//! `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
//!
//! Every alternative is a run of one class with at most one character before it, so one forward walk with a look
//! at the next character decides each boundary: linear time, no backtracking, no allocation.

use std::ops::Range;

use crate::unicode::{ASCII, Class};

/// Emit the byte range of each piece of `text`, in order; the ranges cover the text.
pub fn split(text: &str, mut emit: impl FnMut(Range<usize>)) {
    let mut start = 0;
    while start < text.len() {
        let end = piece_end(text, start);
        emit(start..end);
        start = end;
    }
}

/// Each number is a piece, and what is between them is a text of its own.
pub(super) fn split_between_numbers(text: &str, mut emit: impl FnMut(Range<usize>)) {
    let mut start = 0;
    while start < text.len() {
        if let Some((Class::Number, length)) = class_at(text, start) {
            emit(start..start + length);
            start += length;
            continue;
        }
        let number = text[start..].find(|character| Class::of(character) == Class::Number);
        let end = number.map_or(text.len(), |at| start + at);
        split(&text[start..end], |piece| emit(start + piece.start..start + piece.end));
        start = end;
    }
}

/// The end of the piece that starts at `start`, a piece boundary before the end of `text`.
pub fn piece_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    if bytes[start] == b'\'' {
        let length = contraction(&bytes[start..]);
        if length > 0 {
            return start + length;
        }
    }
    // ` ?` of the second to fourth alternatives: a space joins what follows unless that is white space or the end.
    if bytes[start] == b' '
        && let Some((class, _)) = class_at(text, start + 1)
        && class != Class::Space
    {
        return run_end(text, start + 1, class);
    }
    match class_at(text, start) {
        Some((Class::Space, length)) => space_end(text, start, start + length),
        Some((class, _)) => run_end(text, start, class),
        None => text.len(),
    }
}

/// Length of the contraction at the start of `bytes`, or 0; they come first and only in lower case.
fn contraction(bytes: &[u8]) -> usize {
    match bytes {
        [_, b's' | b't' | b'm' | b'd', ..] => 2,
        [_, b'r' | b'v', b'e', ..] | [_, b'l', b'l', ..] => 3,
        _ => 0,
    }
}

/// `\s+(?!\S)|\s+`: all of a run of white space at the end of the text, else all but its last character (which may
/// be the space that joins the next word), else the single character.
fn space_end(text: &str, start: usize, first_end: usize) -> usize {
    let (mut end, mut last) = (first_end, start);
    while let Some((Class::Space, length)) = class_at(text, end) {
        last = end;
        end += length;
    }
    if end < text.len() && last > start { last } else { end }
}

fn run_end(text: &str, mut at: usize, class: Class) -> usize {
    while let Some((found, length)) = class_at(text, at) {
        if found != class {
            break;
        }
        at += length;
    }
    at
}

/// Class and byte length of the character at the boundary `at`.
#[inline]
fn class_at(text: &str, at: usize) -> Option<(Class, usize)> {
    let byte = *text.as_bytes().get(at)?;
    if byte < 128 {
        return Some((ASCII[usize::from(byte)], 1));
    }
    let character = text[at..].chars().next()?;
    Some((Class::of(character), character.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        let mut pieces = Vec::new();
        split(text, |range| pieces.push(&text[range]));
        pieces
    }

    #[test]
    fn words_numbers_punctuation_and_contractions() {
        assert_eq!(pieces("Hello world, it's 2024!!"), ["Hello", " world", ",", " it", "'s", " 2024", "!!"]);
        assert_eq!(
            pieces("we'LL they'll 'tis !'s"),
            ["we", "'", "LL", " they", "'ll", " '", "tis", " !'", "s"]
        );
    }

    #[test]
    fn white_space_before_a_number_is_at_the_end_of_a_text() {
        let mut pieces = Vec::new();
        let text = "a 12  3 b\n 4";
        split_between_numbers(text, |range| pieces.push(&text[range]));
        assert_eq!(pieces, ["a", " ", "1", "2", "  ", "3", " b", "\n ", "4"]);
    }

    #[test]
    fn the_last_white_space_joins_the_next_word() {
        assert_eq!(pieces("a   b"), ["a", "  ", " b"]);
        assert_eq!(pieces("a\n\nb"), ["a", "\n", "\n", "b"]);
        assert_eq!(pieces("a \u{3000}b\u{a0}"), ["a", " ", "\u{3000}", "b", "\u{a0}"]);
        assert_eq!(pieces("a  "), ["a", "  "]);
        assert_eq!(pieces(" "), [" "]);
        assert_eq!(pieces(""), [""; 0]);
    }
}
