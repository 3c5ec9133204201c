//! Normalizers that remove or replace single characters: `StripAccents` and `Nmt`.

use std::borrow::Cow;

use super::output::{Output, character_at, run};
use crate::normalized::NormalizedString;
use crate::unicode::traits::Traits;

fn is_accent(character: char) -> bool {
    Traits::of(character).any(Traits::COMBINING)
}

pub(super) fn strip_accents(text: &mut NormalizedString) {
    text.filter(|character| !is_accent(character));
}

pub(super) fn strip_accents_plain(text: &str) -> Cow<'_, str> {
    plain(text, |_| true, |character| if is_accent(character) { None } else { Some(character) })
}

/// What becomes of a character, if anything, as the machine translation of Google has it.
fn nmt_character(character: char) -> Option<char> {
    match character {
        '\u{1}'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{8f}' | '\u{9f}' => None,
        '\t'
        | '\n'
        | '\u{c}'
        | '\r'
        | '\u{1680}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{2581}'
        | '\u{feff}'
        | '\u{fffd}' => Some(' '),
        _ => Some(character),
    }
}

pub(super) fn nmt(text: &mut NormalizedString) {
    text.filter(|character| nmt_character(character).is_some());
    text.map(|character| nmt_character(character).unwrap_or(character));
}

pub(super) fn nmt_plain(text: &str) -> Cow<'_, str> {
    plain(text, |byte| byte.wrapping_sub(b' ') < 0x5f, nmt_character)
}

/// `text` with each character replaced by what it maps to; ASCII that is `kept` is not looked at.
fn plain(text: &str, kept: impl Fn(u8) -> bool, map: impl Fn(char) -> Option<char>) -> Cow<'_, str> {
    let mut output = Output::new(text);
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii() && kept(bytes[at]) {
            at += run(&bytes[at..], |byte| byte.is_ascii() && kept(byte));
            continue;
        }
        let character = character_at(text, at);
        let end = at + character.len_utf8();
        match map(character) {
            Some(same) if same == character => {}
            Some(other) => output.replace(at..end).push(other),
            None => drop(output.replace(at..end)),
        }
        at = end;
    }
    output.finish()
}
