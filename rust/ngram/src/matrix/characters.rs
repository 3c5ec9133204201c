//! What Python's `str` and `re` know of characters: which belong to words, which are white space, lower case.
//!
//! The tables come from the caller, because interpreters differ in their version of Unicode and results have to be
//! those of the interpreter.

use crate::error::{NgramError, Result};

/// Inclusive ranges of code points.
pub type Ranges = [(u32, u32)];

/// Properties of all characters.
#[derive(Debug, Clone)]
pub struct Characters {
    /// Bits by code point.
    classes: Vec<u8>,
    /// Characters with a lower case, and that; sorted.
    lower: Vec<(char, char)>,
}

const WORD: u8 = 1;
const SPACE: u8 = 2;
const CASE_IGNORABLE: u8 = 4;
const CASED: u8 = 8;
const HAS_LOWER: u8 = 16;

const CODE_POINTS: usize = 0x11_0000;
/// A match of `\b\w\w+\b` has at least this many characters.
const LEAST_CHARACTERS: usize = 2;

impl Characters {
    /// `words` are the matches of `\w`, `spaces` those of `\s`; `ignorable` and `cased` are Unicode's `Case_Ignorable`
    /// and `Cased` (of which the latter matters for characters that are not ignorable alone).
    pub fn new(
        words: &Ranges,
        spaces: &Ranges,
        ignorable: &Ranges,
        cased: &Ranges,
        lower: &[(char, char)],
    ) -> Result<Self> {
        let mut classes = vec![0; CODE_POINTS];
        for (ranges, bit) in [(words, WORD), (spaces, SPACE), (ignorable, CASE_IGNORABLE), (cased, CASED)] {
            for &(first, last) in ranges {
                let Some(range) = classes.get_mut(first as usize..=last as usize) else {
                    let message = format!("code points {first} to {last} are no range below {CODE_POINTS}");
                    return Err(NgramError::InvalidArgument(message));
                };
                for class in range {
                    *class |= bit;
                }
            }
        }
        let mut lower = lower.to_vec();
        lower.sort_unstable();
        for &(upper, _) in &lower {
            classes[upper as usize] |= HAS_LOWER;
        }
        Ok(Self { classes, lower })
    }

    fn is(&self, character: char, class: u8) -> bool {
        self.classes[character as usize] & class != 0
    }

    pub fn is_space(&self, character: char) -> bool {
        self.is(character, SPACE)
    }

    /// What `str.lower` makes of `text`, in place of what `lowered` held.
    pub fn lower_into(&self, text: &str, lowered: &mut String) {
        lowered.clear();
        if text.is_ascii() {
            lowered.push_str(text);
            lowered.make_ascii_lowercase();
            return;
        }
        for (at, character) in text.char_indices() {
            match character {
                _ if character.is_ascii() => lowered.push(character.to_ascii_lowercase()),
                'Σ' => lowered.push(if self.ends_word(text, at) { 'ς' } else { 'σ' }),
                // The one character whose lower case is two.
                'İ' => lowered.push_str("i\u{307}"),
                _ if self.is(character, HAS_LOWER) => lowered.push(self.lower_of(character)),
                _ => lowered.push(character),
            }
        }
    }

    fn lower_of(&self, character: char) -> char {
        let place = self.lower.binary_search_by_key(&character, |&(upper, _)| upper);
        place.map_or(character, |place| self.lower[place].1)
    }

    /// Unicode's condition `Final_Sigma` for the sigma at byte `at`.
    fn ends_word(&self, text: &str, at: usize) -> bool {
        let cased = |found: Option<char>| found.is_some_and(|character| self.is(character, CASED));
        let counts = |character: &char| !self.is(*character, CASE_IGNORABLE);
        let (before, after) = (&text[..at], &text[at + 'Σ'.len_utf8()..]);
        cased(before.chars().rev().find(counts)) && !cased(after.chars().find(counts))
    }

    /// The matches of `(?u)\b\w\w+\b`: runs of two and more characters of words.
    #[inline]
    pub fn words<'a>(&self, text: &'a str, mut each: impl FnMut(&'a str)) {
        let bytes = text.as_bytes();
        let (mut at, mut start, mut length) = (0, 0, 0);
        while let Some(&byte) = bytes.get(at) {
            let (class, width) = if byte.is_ascii() {
                (self.classes[usize::from(byte)], 1)
            } else {
                text[at..].chars().next().map_or((0, 1), |c| (self.classes[c as usize], c.len_utf8()))
            };
            if class & WORD != 0 {
                if length == 0 {
                    start = at;
                }
                length += 1;
            } else {
                if length >= LEAST_CHARACTERS {
                    each(&text[start..at]);
                }
                length = 0;
            }
            at += width;
        }
        if length >= LEAST_CHARACTERS {
            each(&text[start..]);
        }
    }

    /// The parts that `str.split` gives.
    pub fn split<'a>(&self, text: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(|character| self.is_space(character)).filter(|part| !part.is_empty())
    }

    /// The characters of `text`, with a space in place of two and more characters of white space.
    pub fn squeezed(&self, text: &str) -> impl Iterator<Item = char> {
        let mut characters = text.chars().peekable();
        std::iter::from_fn(move || {
            let first = characters.next()?;
            let is_space = |character: &char| self.is_space(*character);
            if !is_space(&first) || characters.next_if(is_space).is_none() {
                return Some(first);
            }
            while characters.next_if(is_space).is_some() {}
            Some(' ')
        })
    }
}

#[cfg(test)]
pub(crate) fn ascii() -> Characters {
    let words = [(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A), (0xE0, 0xE9), (0x391, 0x3C9)];
    let cased = [(0x41, 0x5A), (0x61, 0x7A), (0x391, 0x3C9)];
    Characters::new(&words, &[(9, 13), (32, 32)], &[(0x27, 0x27)], &cased, &[('Α', 'α'), ('À', 'à')]).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_two_characters_and_more() {
        let found = |text| {
            let mut words = Vec::new();
            ascii().words(text, |word| words.push(word));
            words
        };
        assert_eq!(found("a bc, d_e! f-gh à ññ àéb x2"), ["bc", "d_e", "gh", "àéb", "x2"]);
        assert_eq!(found("àb"), ["àb"]);
        assert!(found("").is_empty() && found("a").is_empty());
    }

    #[test]
    fn sigma_is_final_at_the_end_of_a_word_only() {
        let lower = |text| {
            let mut lowered = "rest".to_owned();
            ascii().lower_into(text, &mut lowered);
            lowered
        };
        assert_eq!(lower("ΑΣ"), "ας");
        assert_eq!(lower("ΑΣΑ Σ"), "ασα σ");
        assert_eq!(lower("Α'Σ'Α ΑΣ'"), "α'σ'α ας'");
        assert_eq!((lower("ABC İÀ"), lower("ABC")), ("abc i\u{307}à".to_owned(), "abc".to_owned()));
    }

    #[test]
    fn white_space_is_squeezed_from_two_characters_on() {
        let squeezed = |text| ascii().squeezed(text).collect::<String>();
        assert_eq!(squeezed("a\tb \n c  "), "a\tb c ");
        assert_eq!(ascii().split(" a\tb \n c  ").collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn ranges_beyond_unicode_are_refused() {
        assert!(Characters::new(&[(5, 0x11_0000)], &[], &[], &[], &[]).is_err());
        assert!(Characters::new(&[(5, 3)], &[], &[], &[], &[]).is_err());
    }
}
