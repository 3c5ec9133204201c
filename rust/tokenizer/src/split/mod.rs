//! Cutting text into the pieces that merging never crosses (pre-tokens), without a regex engine.
//!
//! One definition for each family of patterns, character by character; [`Family`] names them. The scanners of `fast`
//! find the same pieces 64 bytes at a time.

mod deepseek;
mod family;
pub mod gpt2;
mod words;

use crate::unicode::{ASCII_CATEGORIES, Categories, Category};

pub use family::Family;
pub(crate) use words::{Contractions, Words, contraction};

/// Category and byte length of the character at the boundary `at`.
#[inline]
fn category_at(text: &str, at: usize) -> Option<(Category, usize)> {
    let byte = *text.as_bytes().get(at)?;
    if byte < 128 {
        return Some((ASCII_CATEGORIES[usize::from(byte)], 1));
    }
    let character = text[at..].chars().next()?;
    Some((Category::of(character), character.len_utf8()))
}

/// Where the run of characters of `set` that starts at `at` ends.
fn run_end(text: &str, mut at: usize, set: Categories) -> usize {
    while let Some((category, length)) = category_at(text, at) {
        if !category.is(set) {
            break;
        }
        at += length;
    }
    at
}

/// Where the bytes of `set` that start at `at` end.
fn bytes_end(text: &str, at: usize, set: &[u8]) -> usize {
    let rest = &text.as_bytes()[at..];
    at + rest.iter().position(|byte| !set.contains(byte)).unwrap_or(rest.len())
}

/// `\s*[\r\n]+|\s+(?!\S)|\s+` at white space: up to the last line break of the run; if there is none, all of it at
/// the end of the text, else all but the last character, else that one.
fn space_end(text: &str, start: usize) -> usize {
    let (mut end, mut last, mut break_end) = (start, start, start);
    while let Some((Category::Space, length)) = category_at(text, end) {
        last = end;
        end += length;
        if matches!(text.as_bytes()[last], b'\r' | b'\n') {
            break_end = end;
        }
    }
    match () {
        () if break_end > start => break_end,
        () if end < text.len() && last > start => last,
        () => end,
    }
}
