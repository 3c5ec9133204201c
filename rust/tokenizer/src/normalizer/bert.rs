//! BERT's normalizer: cleaning, spaces around ideographs, stripping accents and lower case.

use std::borrow::Cow;

use super::output::{Output, any, character_at, run};
use crate::normalized::{Change, NormalizedString};
use crate::unicode::forms::{Form, combining_class};
use crate::unicode::traits::{Traits, lower};

/// Settings of BERT's normalizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bert {
    /// Remove control characters and make white space spaces.
    pub clean_text: bool,
    /// Put spaces around ideographs.
    pub handle_chinese_chars: bool,
    /// Remove accents; if not given, where `lowercase` is set.
    pub strip_accents: Option<bool>,
    pub lowercase: bool,
}

impl Bert {
    fn strips_accents(self) -> bool {
        self.strip_accents.unwrap_or(self.lowercase)
    }

    pub(super) fn normalize(self, text: &mut NormalizedString) {
        if self.clean_text {
            text.filter(|character| is_space(character) || !Traits::of(character).any(Traits::DROPPED));
            text.map(|character| if is_space(character) { ' ' } else { character });
        }
        if self.handle_chinese_chars {
            space_ideographs(text);
        }
        if self.strips_accents() {
            text.to_form(Form::Nfd);
            text.filter(|character| !Traits::of(character).any(Traits::NONSPACING));
        }
        if self.lowercase {
            text.lowercase();
        }
    }

    /// All steps in one pass. What decomposition moves are marks between two starters: those that are kept wait until
    /// the next starter, which may itself be an accent.
    pub(super) fn plain(self, text: &str) -> Cow<'_, str> {
        let mut pass = Pass { settings: self, output: Output::new(text), marks: Vec::new() };
        let changing = self.changing();
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at].is_ascii() {
                at = pass.ascii(text, at);
                continue;
            }
            let character = character_at(text, at);
            let end = at + character.len_utf8();
            let traits = Traits::of(character);
            if traits.any(changing) {
                pass.change(character, traits, at..end);
            } else {
                pass.flush(at);
            }
            at = end;
        }
        pass.flush(at);
        pass.output.finish()
    }

    /// Traits of the characters beyond ASCII that some step looks at.
    fn changing(self) -> Traits {
        let mut traits = Traits::NONE;
        if self.clean_text {
            traits = traits.or(Traits::DROPPED).or(Traits::SPACE);
        }
        if self.handle_chinese_chars {
            traits = traits.or(Traits::IDEOGRAPH);
        }
        if self.strips_accents() {
            traits = traits.or(Traits::REORDERED).or(Traits::NONSPACING);
        }
        if self.lowercase {
            traits = traits.or(Traits::LOWERED);
        }
        traits
    }
}

fn is_space(character: char) -> bool {
    Traits::of(character).any(Traits::SPACE)
}

fn space_ideographs(text: &mut NormalizedString) {
    if !text.get().chars().any(|character| Traits::of(character).any(Traits::IDEOGRAPH)) {
        return;
    }
    let mut changes: Vec<Change> = Vec::with_capacity(text.len());
    for character in text.get().chars() {
        if Traits::of(character).any(Traits::IDEOGRAPH) {
            changes.extend([(' ', 0), (character, 1), (' ', 1)]);
        } else {
            changes.push((character, 0));
        }
    }
    text.transform(changes, 0);
}

struct Pass<'a> {
    settings: Bert,
    output: Output<'a>,
    /// Marks that are kept, with their classes, since the last starter.
    marks: Vec<(u8, char)>,
}

impl Pass<'_> {
    /// Write the marks that wait, in order, before byte `at`.
    fn flush(&mut self, at: usize) {
        if self.marks.is_empty() {
            return;
        }
        self.marks.sort_by_key(|mark| mark.0);
        let result = self.output.replace(at..at);
        for (_, mark) in self.marks.drain(..) {
            push(result, mark, self.settings.lowercase);
        }
    }

    /// Go over a stretch of ASCII, or one control character; returns where it ends.
    fn ascii(&mut self, text: &str, at: usize) -> usize {
        let bytes = &text.as_bytes()[at..];
        let length = if self.settings.clean_text {
            run(bytes, |byte| byte.wrapping_sub(b' ') < 0x5f)
        } else {
            run(bytes, |byte| byte.is_ascii())
        };
        if length == 0 {
            // A character that is dropped keeps nothing apart.
            if matches!(bytes[0], b'\t' | b'\n' | b'\r') {
                self.flush(at);
                self.output.replace(at..at + 1).push(' ');
            } else {
                self.output.replace(at..at + 1);
            }
            return at + 1;
        }
        self.flush(at);
        if self.settings.lowercase && any(&bytes[..length], |byte| byte.is_ascii_uppercase()) {
            let result = self.output.replace(at..at + length);
            let start = result.len();
            result.push_str(&text[at..at + length]);
            result[start..].make_ascii_lowercase();
        }
        at + length
    }

    /// Write what becomes of a character beyond ASCII that some step changes.
    fn change(&mut self, character: char, traits: Traits, range: std::ops::Range<usize>) {
        let Bert { clean_text, handle_chinese_chars, lowercase, .. } = self.settings;
        if clean_text && traits.any(Traits::SPACE.or(Traits::DROPPED)) {
            if is_space(character) {
                self.flush(range.start);
                self.output.replace(range).push(' ');
            } else {
                self.output.replace(range);
            }
            return;
        }
        let spaced = handle_chinese_chars && traits.any(Traits::IDEOGRAPH);
        if spaced {
            self.flush(range.start);
            self.output.replace(range.start..range.start).push(' ');
        }
        if self.settings.strips_accents() {
            self.output.replace(range.clone());
            Form::Nfd.decompose(character, |part| self.strip(part, range.end));
        } else {
            push(self.output.replace(range.clone()), character, lowercase);
        }
        if spaced {
            self.flush(range.end);
            self.output.replace(range.end..range.end).push(' ');
        }
    }

    /// Write a character of a decomposition unless it is an accent.
    fn strip(&mut self, part: char, at: usize) {
        let class = if part.is_ascii() { 0 } else { combining_class(part) };
        if class == 0 {
            self.flush(at);
        }
        if !part.is_ascii() && Traits::of(part).any(Traits::NONSPACING) {
            return;
        }
        if class == 0 {
            push(self.output.replace(at..at), part, self.settings.lowercase);
        } else {
            self.marks.push((class, part));
        }
    }
}

fn push(result: &mut String, character: char, lowercase: bool) {
    if lowercase {
        result.extend(lower(character));
    } else {
        result.push(character);
    }
}
