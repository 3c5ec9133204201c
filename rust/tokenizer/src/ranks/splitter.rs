//! Cutting text by a pattern as tiktoken's engine (`fancy-regex`) reads it.

use std::ops::Range;

use crate::error::{Result, TokenizerError};
use crate::pattern::Pattern;
use crate::split::Family;

#[derive(Debug)]
pub(super) enum Splitter {
    Family(Family),
    Pattern(Pattern),
}

impl Splitter {
    pub(super) fn new(pattern: &str) -> Result<Self> {
        if let Some(family) = Family::of_tiktoken_pattern(pattern) {
            return Ok(Self::Family(family));
        }
        let failed = |error: TokenizerError| TokenizerError::argument("pat_str", error.to_string());
        Ok(Self::Pattern(Pattern::regex(&to_oniguruma(pattern)).map_err(failed)?))
    }

    /// What the pattern matches, in order.
    pub(super) fn pieces(&self, text: &str) -> Result<Vec<Range<usize>>> {
        let mut pieces = Vec::new();
        match self {
            Self::Family(family) => family.split(text, |piece| pieces.push(piece)),
            Self::Pattern(pattern) => {
                let found = pattern.find_all(text)?;
                pieces.extend(found.into_iter().filter(|(_, is_match)| *is_match).map(|(piece, _)| piece));
            }
        }
        Ok(pieces)
    }
}

/// The same pattern for Oniguruma, which reads two things otherwise: `^` and `$` are ends of lines there, and a `+`
/// after `{n,m}` repeats where `fancy-regex` forbids going back.
pub(crate) fn to_oniguruma(pattern: &str) -> String {
    let mut written = String::with_capacity(pattern.len() + 8);
    // Where the last atom, and each open group, starts in what is written.
    let (mut atom, mut groups) = (0, Vec::new());
    let mut characters = pattern.chars().peekable();
    let mut class = 0usize;
    while let Some(character) = characters.next() {
        let start = written.len();
        match character {
            '\\' => {
                written.push(character);
                written.extend(characters.next());
                if matches!(written.as_bytes().last(), Some(b'p' | b'P' | b'x' | b'u'))
                    && characters.peek() == Some(&'{')
                {
                    for inner in characters.by_ref() {
                        written.push(inner);
                        if inner == '}' {
                            break;
                        }
                    }
                }
                if class == 0 {
                    atom = start;
                }
            }
            '[' => {
                if class == 0 {
                    atom = start;
                }
                class += 1;
                written.push(character);
                // A bracket that comes first is one of the class.
                if characters.peek() == Some(&'^') {
                    written.extend(characters.next());
                }
                if characters.peek() == Some(&']') {
                    characters.next();
                    written.push_str("\\]");
                }
            }
            ']' if class > 0 => {
                class -= 1;
                written.push(character);
            }
            _ if class > 0 => written.push(character),
            '(' => {
                groups.push(start);
                written.push(character);
            }
            ')' => {
                atom = groups.pop().unwrap_or(start);
                written.push(character);
            }
            '^' => written.push_str("\\A"),
            '$' => written.push_str("\\z"),
            '{' => {
                let mut bounds = String::from(character);
                while let Some(inner) = characters.next_if(|inner| inner.is_ascii_digit() || *inner == ',') {
                    bounds.push(inner);
                }
                bounds.extend(characters.next_if_eq(&'}'));
                written.push_str(&bounds);
                if bounds.ends_with('}') && characters.next_if_eq(&'+').is_some() {
                    written.insert_str(atom, "(?>");
                    written.push(')');
                }
            }
            '?' | '*' | '+' | '|' => written.push(character),
            other => {
                atom = start;
                written.push(other);
            }
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_oniguruma_reads_otherwise_is_rewritten() {
        for (pattern, expected) in [
            (r"\p{N}{1,3}+|x", r"(?>\p{N}{1,3})|x"),
            (r"\s++$", r"\s++\z"),
            (r"[^$\]]{2}+", r"(?>[^$\]]{2})"),
            (r"(?:ab|c){1,2}+\$", r"(?>(?:ab|c){1,2})\$"),
            ("[]a]{2,}?", r"[\]a]{2,}?"),
            ("é{,3}+", "(?>é{,3})"),
        ] {
            assert_eq!(to_oniguruma(pattern), expected);
        }
    }
}
