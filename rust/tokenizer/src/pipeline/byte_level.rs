//! Which pipelines are byte-level ones that the fast engine serves.

use std::borrow::Cow;
use std::ops::Range;

use crate::normalized::SplitBehavior;
use crate::normalizer::Normalizer;
use crate::pattern::Source;
use crate::pre_tokenizer::{PreTokenizer, is_number};
use crate::split::Family;
use crate::tokenizer::Tokenizer;
use crate::unicode::Category;
use crate::unicode::forms::Form;

/// The family that a pre-tokenizer cuts by before it spells the bytes; none if it is another kind, or not known.
pub(super) fn family(pre_tokenizer: &PreTokenizer) -> Option<Family> {
    let parts = match pre_tokenizer {
        PreTokenizer::Sequence(parts) => parts.as_slice(),
        part => std::slice::from_ref(part),
    };
    match parts {
        [PreTokenizer::ByteLevel(settings)] if settings.use_regex => Some(Family::Gpt2),
        [PreTokenizer::Digits { individual_digits: true }, PreTokenizer::ByteLevel(settings)]
            if settings.use_regex && !settings.add_prefix_space =>
        {
            Some(Family::Gpt2Digits)
        }
        // A space would be put before every piece.
        [splits @ .., PreTokenizer::ByteLevel(settings)]
            if !settings.use_regex && !settings.add_prefix_space =>
        {
            let patterns = splits.iter().map(|part| pattern(part, splits.len() == 1));
            Family::of_patterns(&patterns.collect::<Option<Vec<_>>>()?)
        }
        _ => None,
    }
}

/// Whether a family cuts at a number of Unicode 17, as `Digits` does, that is none yet in patterns.
fn is_new_number(character: char) -> bool {
    is_number(character) && Category::of(character) != Category::Number
}

/// What of a stretch the family cuts by itself: all of it, but for the newest numbers and what is between them.
pub(super) fn known_parts(stretch: &str, family: Family) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = stretch.get(start..).filter(|rest| !rest.is_empty())?;
        let number = if family == Family::Gpt2Digits { new_number(rest) } else { None };
        let length = match number {
            None => rest.len(),
            Some(0) => rest.chars().next()?.len_utf8(),
            Some(at) => at,
        };
        start += length;
        Some(start - length..start)
    })
}

/// The first of the newest numbers, all of them of four bytes that begin in one of these ways.
fn new_number(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(0xF0, bytes).find(|&at| {
        matches!(bytes.get(at + 1..at + 3), Some([0x91, 0xB7] | [0x96, 0xBF]))
            && text[at..].chars().next().is_some_and(is_new_number)
    })
}

/// The pattern of a split whose matches, and what is between them, are the pieces.
fn pattern(part: &PreTokenizer, only: bool) -> Option<&str> {
    let PreTokenizer::Split(split) = part else { return None };
    let Source::Regex(pattern) = split.pattern.source() else { return None };
    let isolated = split.behavior == SplitBehavior::Isolated;
    // The patterns that stand alone leave nothing between their matches that could be removed.
    let kept = only && split.invert && split.behavior == SplitBehavior::Removed;
    (isolated || kept).then_some(pattern)
}

impl Tokenizer {
    /// Whether the normalizer leaves `text` and any part of it alone.
    pub(super) fn is_normal(&self, text: &str) -> bool {
        match self.normalizer() {
            None => true,
            Some(normalizer @ Normalizer::Unicode(Form::Nfc)) => {
                matches!(normalizer.normalize_plain(text), Ok(Cow::Borrowed(_)))
            }
            Some(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "\u{11de3}";

    #[test]
    fn new_numbers_are_found_by_their_first_bytes() {
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            assert_eq!(new_number(&text).is_some(), is_new_number(character), "{character:?}");
            // All that patterns know as a number is one for `Digits`.
            assert!(Category::of(character) != Category::Number || is_number(character), "{character:?}");
        }
    }

    #[test]
    fn new_numbers_stand_apart() {
        let text = format!("a{NEW}{NEW} b\u{1f600}");
        let parts: Vec<&str> = known_parts(&text, Family::Gpt2Digits).map(|part| &text[part]).collect();
        assert_eq!(parts, ["a", NEW, NEW, " b\u{1f600}"]);
        assert_eq!(known_parts(&text, Family::Gpt2).count(), 1);
    }

    #[test]
    fn a_vocabulary_may_lack_bytes_that_never_occur() {
        let file = |missing: &[u8]| {
            let tokens = (0..=u8::MAX).filter(|byte| !missing.contains(byte));
            let vocab: Vec<_> = tokens
                .enumerate()
                .map(|(id, byte)| {
                    format!("{:?}: {id}", crate::byte_level::BYTE_TO_CHAR[usize::from(byte)].to_string())
                })
                .collect();
            format!(
                r#"{{"version":"1.0","pre_tokenizer":{{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,
                "use_regex":true}},"model":{{"type":"BPE","vocab":{{{}}},"merges":[]}}}}"#,
                vocab.join(",")
            )
        };
        let has_engine = |missing: &[u8]| {
            let tokenizer = crate::file::from_json(file(missing).as_bytes(), "a test").unwrap();
            tokenizer.plan().engine.is_some()
        };
        assert!(has_engine(&[]));
        assert!(has_engine(&[0xC0, 0xC1, 0xF5, 0xFF]));
        assert!(!has_engine(&[3]));
    }
}
