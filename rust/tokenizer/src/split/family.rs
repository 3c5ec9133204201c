//! Families of byte-level tokenizers, known by the pattern that cuts their text.

use std::borrow::Cow;
use std::ops::Range;

use super::words::{Contractions, Words};
use super::{deepseek, gpt2};

/// How a byte-level tokenizer cuts text into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// GPT-2, RoBERTa, and tiktoken's r50k and p50k.
    Gpt2,
    /// GPT-2's pattern on what is between numbers, each of which is a piece: `StarCoder`, `SmolLM`, Command R.
    Gpt2Digits,
    /// Llama 3 and the tokenizer.json form of cl100k.
    Llama3,
    /// tiktoken's own form of cl100k, which leaves white space at the end of a text whole.
    Cl100k,
    /// Qwen 2, 2.5 and 3.
    Qwen2,
    /// Qwen 3.5: marks belong to words.
    Qwen35,
    /// o200k: GPT-4o, gpt-oss.
    O200k,
    /// Mistral's tekken.
    Tekken,
    /// DeepSeek V3 and R1.
    DeepSeek,
}

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const GPT2_SHORTER: &str = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const GPT2_TIKTOKEN: &str =
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const CL100K: &str = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DEEPSEEK: [&str; 3] = [
    r"\p{N}{1,3}",
    "[一-龥\u{3040}-ゟ゠-ヿ]+",
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##,
];

impl Family {
    pub const ALL: [Self; 9] = [
        Self::Gpt2,
        Self::Gpt2Digits,
        Self::Llama3,
        Self::Cl100k,
        Self::Qwen2,
        Self::Qwen35,
        Self::O200k,
        Self::Tekken,
        Self::DeepSeek,
    ];

    /// The family of one pattern of `tokenizer.json`, whose matches and what is between them are the pieces; none if
    /// the pattern is not known.
    ///
    /// ```
    /// use ferrolm_tokenizer::split::Family;
    /// assert_eq!(Family::of_pattern(r"\w+"), None);
    /// ```
    pub fn of_pattern(pattern: &str) -> Option<Self> {
        Some(match &*with_escapes(pattern) {
            GPT2 | GPT2_SHORTER | GPT2_TIKTOKEN => Self::Gpt2,
            LLAMA3 => Self::Llama3,
            QWEN2 => Self::Qwen2,
            QWEN35 => Self::Qwen35,
            O200K => Self::O200k,
            TEKKEN => Self::Tekken,
            _ => return None,
        })
    }

    /// The family of patterns that are applied one after the other to the pieces so far.
    pub fn of_patterns(patterns: &[&str]) -> Option<Self> {
        match patterns {
            [one] => Self::of_pattern(one),
            _ if patterns.iter().map(|pattern| with_escapes(pattern)).eq(DEEPSEEK) => Some(Self::DeepSeek),
            _ => None,
        }
    }

    /// The family of a pattern as tiktoken reads it: `{1,3}+` takes three at most there.
    pub fn of_tiktoken_pattern(pattern: &str) -> Option<Self> {
        if pattern == CL100K { Some(Self::Cl100k) } else { Self::of_pattern(pattern) }
    }

    /// The rules of the later families.
    pub(crate) const fn words(self) -> Option<Words> {
        let llama3 = Words {
            contractions: Contractions::Apart,
            cased: false,
            marks: false,
            digits: 3,
            slashes: false,
            whole_end: false,
        };
        let o200k = Words { contractions: Contractions::Suffix, cased: true, slashes: true, ..llama3 };
        Some(match self {
            Self::Gpt2 | Self::Gpt2Digits | Self::DeepSeek => return None,
            Self::Llama3 => llama3,
            Self::Cl100k => Words { whole_end: true, ..llama3 },
            Self::Qwen2 => Words { digits: 1, ..llama3 },
            Self::Qwen35 => Words { digits: 1, marks: true, ..llama3 },
            Self::O200k => o200k,
            Self::Tekken => Words { contractions: Contractions::Nowhere, digits: 1, ..o200k },
        })
    }

    /// Emit the byte range of each piece of `text`, in order; the ranges cover the text.
    pub fn split(self, text: &str, mut emit: impl FnMut(Range<usize>)) {
        let Some(words) = self.words() else {
            return match self {
                Self::Gpt2Digits => gpt2::split_between_numbers(text, emit),
                Self::DeepSeek => deepseek::split(text, emit),
                _ => gpt2::split(text, emit),
            };
        };
        let mut start = 0;
        while start < text.len() {
            let end = words.piece_end(text, start);
            emit(start..end);
            start = end;
        }
    }
}

/// A pattern with line breaks spelled out; the published file of DeepSeek has them as they are.
fn with_escapes(pattern: &str) -> Cow<'_, str> {
    if pattern.contains(['\r', '\n']) {
        pattern.replace('\r', r"\r").replace('\n', r"\n").into()
    } else {
        pattern.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_with_line_breaks_as_they_are_belong_to_the_same_family() {
        let raw = |pattern: &str| pattern.replace(r"\r", "\r").replace(r"\n", "\n");
        let patterns = DEEPSEEK.map(raw);
        assert_ne!(patterns, DEEPSEEK);
        assert_eq!(Family::of_patterns(&patterns.each_ref().map(String::as_str)), Some(Family::DeepSeek));
        assert_eq!(Family::of_pattern(&raw(LLAMA3)), Some(Family::Llama3));
    }
}
