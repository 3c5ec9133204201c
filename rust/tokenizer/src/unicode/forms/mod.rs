//! Unicode normal forms of Unicode 9, as the reference has them.
//!
//! Text is read once. Stretches that are normal already, by the quick check of UAX 15, are copied whole; where the
//! check fails, the stretch from the last character that nothing before combines with to the next such one is
//! decomposed, sorted and composed. Linear, but for sorting runs of combining marks.

mod compose;
#[rustfmt::skip]
#[allow(clippy::unreadable_literal, clippy::large_stack_arrays, reason = "generated")]
mod table;

use std::borrow::Cow;

use compose::Sorter;

use crate::normalized::{Change, NormalizedString};

/// A normal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
}

/// Combining class; flags; one more than its place among the second characters of compositions, or 0; start and length
/// in [`table::DECOMPOSED`] of the canonical and of the compatibility decomposition.
struct Record(u8, u8, u8, u16, u8, u16, u8);

const CHANGED_BY_NFC: u8 = 1;
const CHANGED_BY_NFKC: u8 = 2;
const HANGUL: u8 = 4;

fn record(character: char) -> &'static Record {
    let code = character as usize;
    let block = &table::BLOCKS[usize::from(table::INDEX[code >> 6])];
    &table::RECORDS[usize::from(block[code & 63])]
}

/// The canonical combining class.
pub fn combining_class(character: char) -> u8 {
    record(character).0
}

impl Form {
    const fn composes(self) -> bool {
        matches!(self, Self::Nfc | Self::Nfkc)
    }

    /// Whether the form keeps the character, wherever its class allows it to stand.
    fn keeps(self, record: &Record) -> bool {
        match self {
            Self::Nfc => record.1 & CHANGED_BY_NFC == 0,
            Self::Nfkc => record.1 & CHANGED_BY_NFKC == 0,
            Self::Nfd => record.4 == 0 && record.1 & HANGUL == 0,
            Self::Nfkd => record.6 == 0 && record.1 & HANGUL == 0,
        }
    }

    /// The characters of `character`'s full decomposition.
    pub fn decompose(self, character: char, mut found: impl FnMut(char)) {
        if character.is_ascii() {
            return found(character);
        }
        let record = record(character);
        if record.1 & HANGUL != 0 {
            return compose::decompose_hangul(character, found);
        }
        let (start, length) = match self {
            Self::Nfc | Self::Nfd => (record.3, record.4),
            Self::Nfkc | Self::Nfkd => (record.5, record.6),
        };
        if length == 0 {
            return found(character);
        }
        let start = usize::from(start);
        let parts = &table::DECOMPOSED[start..start + usize::from(length)];
        parts.iter().copied().for_each(&mut found);
    }

    /// The first stretch of `text` from byte `from` on that may not be in this form; `from` is where the last stretch
    /// ended, or 0. Nothing outside of it has to do with what is in it.
    fn next_stretch(self, text: &str, from: usize) -> Option<(usize, usize)> {
        let bytes = text.as_bytes();
        let (mut at, mut start, mut last_class) = (from, from, 0);
        let mut found = false;
        while at < bytes.len() {
            if bytes[at].is_ascii() {
                if found {
                    return Some((start, at));
                }
                at += ascii_run(&bytes[at..]);
                (start, last_class) = (at - 1, 0);
                continue;
            }
            let character = text[at..].chars().next()?;
            let record = record(character);
            if !self.keeps(record) || record.0 != 0 && record.0 < last_class {
                found = true;
            } else if record.0 == 0 {
                if found {
                    return Some((start, at));
                }
                start = at;
            }
            last_class = record.0;
            at += character.len_utf8();
        }
        found.then_some((start, at))
    }

    /// Whether `text` is in this form for certain.
    pub fn is_normal(self, text: &str) -> bool {
        self.next_stretch(text, 0).is_none()
    }

    /// Each character of `text` in this form, with how it relates to those of `text`: see
    /// [`Change`](crate::normalized::Change).
    pub fn changes(self, text: &str, found: impl FnMut(char, isize)) {
        let mut sorter = Sorter::new(self.composes(), found);
        for character in text.chars() {
            let mut change = 0;
            self.decompose(character, |part| {
                sorter.push(part, change);
                change = 1;
            });
        }
        sorter.finish();
    }

    /// `text` in this form.
    pub fn apply(self, text: &str) -> Cow<'_, str> {
        let Some(mut stretch) = self.next_stretch(text, 0) else { return Cow::Borrowed(text) };
        let mut result = String::with_capacity(text.len() + text.len() / 8);
        let mut done = 0;
        loop {
            let (start, end) = stretch;
            result.push_str(&text[done..start]);
            self.changes(&text[start..end], |character, _| result.push(character));
            done = end;
            match self.next_stretch(text, done) {
                Some(next) => stretch = next,
                None => break,
            }
        }
        result.push_str(&text[done..]);
        Cow::Owned(result)
    }
}

impl NormalizedString {
    /// Change the text to a normal form.
    pub fn to_form(&mut self, form: Form) {
        if self.is_regular() && form.is_normal(self.get()) {
            return;
        }
        let mut changes: Vec<Change> = Vec::with_capacity(self.len());
        form.changes(self.get(), |character, change| changes.push((character, change)));
        self.transform(changes, 0);
    }
}

/// How many bytes at the start are ASCII; 16 at a time.
fn ascii_run(bytes: &[u8]) -> usize {
    let (chunks, _) = bytes.as_chunks::<16>();
    let whole = chunks.iter().take_while(|chunk| chunk.is_ascii()).count() * 16;
    whole + bytes[whole..].iter().take_while(|byte| byte.is_ascii()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> [String; 4] {
        [Form::Nfc, Form::Nfd, Form::Nfkc, Form::Nfkd].map(|form| form.apply(text).into_owned())
    }

    #[test]
    fn forms_of_the_standard() {
        // Table of examples of UAX 15.
        let ligature = ["ﬁ", "ﬁ", "fi", "fi"].map(str::to_owned);
        assert_eq!(all("ﬁ"), ligature);
        let dots = ["\u{1e9b}\u{323}", "\u{17f}\u{323}\u{307}", "\u{1e69}", "s\u{323}\u{307}"];
        assert_eq!(all("\u{1e9b}\u{323}"), dots.map(str::to_owned));
        assert_eq!(all("한")[1], "\u{1112}\u{1161}\u{11ab}");
        assert_eq!(Form::Nfc.apply("x\u{1112}\u{1161}\u{11ab}y"), "x한y");
        assert_eq!(Form::Nfd.apply("a\u{301}\u{323}"), "a\u{323}\u{301}");
        assert_eq!(Form::Nfc.apply("\u{301}a\u{301}"), "\u{301}á");
    }

    #[test]
    fn normal_text_is_borrowed() {
        for text in ["", "plain", "é漢한", "e\u{329}"] {
            assert!(matches!(Form::Nfc.apply(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn unicode_9_is_where_knowledge_ends() {
        // Unassigned then: U+1FBF0 is a compatibility digit, U+11938 composes.
        assert_eq!(Form::Nfkc.apply("\u{1fbf0}"), "\u{1fbf0}");
        assert_eq!(Form::Nfc.apply("\u{11935}\u{11930}"), "\u{11935}\u{11930}");
    }

    #[test]
    fn stretches_cover_what_whole_texts_do() {
        for text in ["ab\u{301}\u{323}c한\u{11ab}", "\u{323}\u{301}", "é\u{323}é", "ｶﾞx", "\u{9c7}\u{9be}"]
        {
            for form in [Form::Nfc, Form::Nfd, Form::Nfkc, Form::Nfkd] {
                let mut whole = String::new();
                form.changes(text, |character, _| whole.push(character));
                assert_eq!(form.apply(text), whole, "{form:?} {text:?}");
            }
        }
    }
}
