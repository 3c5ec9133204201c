//! The patterns that came after GPT-2's: cl100k, Llama 3, Qwen, o200k, Mistral's tekken.
//!
//! A word takes one character before it that is neither letter, number nor line break; numbers are cut every few
//! digits; line breaks join the punctuation before them. The later ones end a word where lower case turns into upper
//! case. Every character is looked at a bounded number of times.

use super::{bytes_end, category_at, run_end, space_end};
use crate::unicode::{Categories, Category};

/// Where `(?i:'s|'t|'re|'ve|'m|'ll|'d)` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contractions {
    Nowhere,
    /// A piece of its own, before all else.
    Apart,
    /// The end of a word.
    Suffix,
}

/// What the patterns differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) contractions: Contractions,
    /// A word is `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` or such with `+` and `*` exchanged;
    /// otherwise `\p{L}+`.
    pub(crate) cased: bool,
    /// A word without case is `[\p{L}\p{M}]+`, and marks are no punctuation.
    pub(crate) marks: bool,
    /// Numbers of a piece: `\p{N}{1,digits}`.
    pub(crate) digits: usize,
    /// `[\r\n/]*` follows punctuation instead of `[\r\n]*`.
    pub(crate) slashes: bool,
    /// `\s++$` comes before `\s*[\r\n]+`: white space at the end of the text is one piece.
    pub(crate) whole_end: bool,
}

impl Words {
    /// The end of the piece that starts at `start`, a piece boundary before the end of `text`.
    pub(super) fn piece_end(&self, text: &str, start: usize) -> usize {
        let Some((first, length)) = category_at(text, start) else { return text.len() };
        if self.contractions == Contractions::Apart
            && let length @ 1.. = contraction(&text.as_bytes()[start..])
        {
            return start + length;
        }
        if let Some(end) = self.word_end(text, start, first, length) {
            return end;
        }
        if first == Category::Number {
            return self.number_end(text, start);
        }
        let after_space = start + usize::from(text.as_bytes()[start] == b' ');
        let end = run_end(text, after_space, self.punctuation());
        if end > after_space {
            return bytes_end(text, end, if self.slashes { b"\r\n/" } else { b"\r\n" });
        }
        if self.whole_end && run_end(text, start, Categories::SPACE) == text.len() {
            return text.len();
        }
        space_end(text, start)
    }

    /// What is neither `\s`, `\p{L}` nor `\p{N}`, nor a mark where words have them.
    fn punctuation(&self) -> Categories {
        let words = Categories::SPACE.or(Categories::LETTER).or(Categories::NUMBER);
        if self.marks { words.or(Categories::MARK).not() } else { words.not() }
    }

    /// The end of a word, with `[^\r\n\p{L}\p{N}]?` before it; none if there is no word.
    fn word_end(&self, text: &str, start: usize, first: Category, length: usize) -> Option<usize> {
        let other = !first.is(Categories::LETTER.or(Categories::NUMBER));
        let prefix = (other && !matches!(text.as_bytes()[start], b'\r' | b'\n')).then_some(start + length);
        if !self.cased {
            let set = if self.marks { Categories::LETTER.or(Categories::MARK) } else { Categories::LETTER };
            let run = |at| Some(run_end(text, at, set)).filter(|&end| end > at);
            return prefix.and_then(run).or_else(|| run(start));
        }
        let end = prefix
            .and_then(|at| lower_word_end(text, at))
            .or_else(|| lower_word_end(text, start))
            .or_else(|| prefix.and_then(|at| upper_word_end(text, at)))
            .or_else(|| upper_word_end(text, start))?;
        let suffix = self.contractions == Contractions::Suffix;
        Some(if suffix { end + contraction(&text.as_bytes()[end..]) } else { end })
    }

    fn number_end(&self, text: &str, mut at: usize) -> usize {
        for _ in 0..self.digits {
            match category_at(text, at) {
                Some((Category::Number, length)) => at += length,
                _ => break,
            }
        }
        at
    }
}

/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`. If no lower case follows, the first part gives back
/// to the last character that can be in both.
fn lower_word_end(text: &str, start: usize) -> Option<usize> {
    let (mut at, mut both) = (start, None);
    while let Some((category, length)) = category_at(text, at) {
        if !category.is(Categories::UPPER) {
            break;
        }
        at += length;
        if category.is(Categories::UNCASED) {
            both = Some(at);
        }
    }
    let end = run_end(text, at, Categories::LOWER);
    if end > at { Some(end) } else { both }
}

/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*`, where the other kind of word was tried before.
fn upper_word_end(text: &str, start: usize) -> Option<usize> {
    let end = run_end(text, start, Categories::UPPER);
    (end > start).then(|| run_end(text, end, Categories::LOWER))
}

/// Length of `(?i:'s|'t|'re|'ve|'m|'ll|'d)` at the start of `bytes`, or 0. The long s is an s whatever the case.
pub(crate) fn contraction(bytes: &[u8]) -> usize {
    match bytes {
        [b'\'', b's' | b't' | b'm' | b'd' | b'S' | b'T' | b'M' | b'D', ..] => 2,
        [b'\'', b'r' | b'v' | b'R' | b'V', b'e' | b'E', ..]
        | [b'\'', b'l' | b'L', b'l' | b'L', ..]
        | [b'\'', 0xC5, 0xBF, ..] => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Family;

    fn pieces(family: Family, text: &str) -> Vec<&str> {
        let mut pieces = Vec::new();
        family.split(text, |range| pieces.push(&text[range]));
        pieces
    }

    #[test]
    fn words_take_a_character_before_them_and_numbers_are_cut() {
        let text = "It's (not) 12345\n\n  x!\n";
        let expected = ["It", "'s", " (", "not", ")", " ", "123", "45", "\n\n", " ", " x", "!\n"];
        assert_eq!(pieces(Family::Llama3, text), expected);
        assert_eq!(pieces(Family::Qwen2, "a 12"), ["a", " ", "1", "2"]);
        assert_eq!(pieces(Family::Llama3, "a\n  "), ["a", "\n", "  "]);
        assert_eq!(pieces(Family::Cl100k, "a\n  "), ["a", "\n  "]);
    }

    #[test]
    fn later_patterns_see_case_and_marks() {
        assert_eq!(
            pieces(Family::O200k, "camelCase HTTPServer's x/\n/"),
            ["camel", "Case", " HTTPServer's", " x", "/\n/"]
        );
        assert_eq!(pieces(Family::O200k, "\u{6f22}AB !!\u{301}"), ["\u{6f22}", "AB", " !!\u{301}"]);
        assert_eq!(pieces(Family::Tekken, "it's 12"), ["it", "'s", " ", "1", "2"]);
        assert_eq!(pieces(Family::Qwen35, "e\u{301}a!"), ["e\u{301}a", "!"]);
    }

    #[test]
    fn deepseek_cuts_numbers_and_chinese_first() {
        assert_eq!(
            pieces(Family::DeepSeek, "x  12 \u{6f22}\u{30fb}\u{5b57}a (b\u{e9}"),
            ["x", "  ", "12", " ", "\u{6f22}", "\u{30fb}", "\u{5b57}", "a", " (", "b\u{e9}"]
        );
        assert_eq!(pieces(Family::DeepSeek, "(b\u{e9}\0\0a"), ["(b", "\u{e9}", "\0", "\0a"]);
    }
}
