//! Patterns that cut text into pieces, by the names of the encodings and model families that use them.

use serde_json::{Value, json};

use crate::error::{Result, TokenizerError};
use crate::ranks::to_oniguruma;

/// Parts of a byte-level pipeline with their usual settings, as JSON.
pub(super) const BYTE_LEVEL: &str =
    r#"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":true}"#;

/// GPT-2's, which a byte-level pre-tokenizer has built in.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const CL100K: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Mistral's: o200k without contractions, numbers by the digit.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// DeepSeek's, one after the other.
const DEEPSEEK: [&str; 3] = [
    r"\p{N}{1,3}",
    r"[一-龥぀-ゟ゠-ヿ]+",
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##,
];

/// The pattern of a name.
fn named(name: &str) -> Option<&'static str> {
    Some(match name {
        "gpt2" | "gpt-2" | "r50k_base" | "p50k_base" | "p50k_edit" => GPT2,
        "cl100k_base" | "cl100k" | "llama3" | "llama-bpe" => CL100K,
        "qwen2" | "qwen" => QWEN2,
        "o200k_base" | "o200k_harmony" | "o200k" | "gpt-4o" => O200K,
        "tekken" => TEKKEN,
        _ => return None,
    })
}

/// tiktoken writes patterns so that they run faster in its engine. What each is equal to, where that is certain.
fn rewritten(pattern: &str) -> Option<&'static str> {
    Some(match pattern {
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
        | r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
        | r"'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+" => GPT2,
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+" => {
            CL100K
        }
        _ => return [GPT2, CL100K, QWEN2, O200K, TEKKEN].into_iter().find(|known| *known == pattern),
    })
}

/// Equal to [`CL100K`] but for white space at the end of a text, which is one piece even if it has line breaks.
const CL100K_ENDING: &str = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s";

/// The JSON of the pre-tokenizer of a pattern, given by name or as tiktoken writes it; `any_token` tells whether some
/// token has a property.
///
/// # Errors
/// What could only be a name, but is none that is known.
pub(super) fn pre_tokenizer(
    pattern: &str,
    any_token: impl Fn(&dyn Fn(&[u8]) -> bool) -> bool,
) -> Result<Value> {
    let known = named(pattern).or_else(|| rewritten(pattern)).or_else(|| {
        // The pieces differ after the last line break; their ids do not unless a token lies across that place.
        (pattern == CL100K_ENDING && !any_token(&lies_across_line_end)).then_some(CL100K)
    });
    let is_name = |character: char| character.is_alphanumeric() || "-_.".contains(character);
    Ok(match known {
        Some(GPT2) => byte_level(true),
        Some(known) => sequence(vec![split(known, "Isolated")]),
        None if pattern.chars().all(is_name) => {
            let names = "gpt2, r50k_base, p50k_base, cl100k_base, o200k_base, llama3, qwen2, tekken";
            let message = format!("{pattern:?} is neither a regular expression nor one of {names}");
            return Err(TokenizerError::argument("pattern", message));
        }
        // What a pattern does not match has no tokens in tiktoken.
        None => sequence(vec![split(&to_oniguruma(pattern), "Removed")]),
    })
}

/// A byte-level pre-tokenizer, cutting by GPT-2's pattern or not at all.
pub(super) fn byte_level(use_regex: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex})
}

/// Pieces are what `pattern` matches, and what it does not (`Isolated`), or the matches alone (`Removed`).
fn split(pattern: &str, behavior: &str) -> Value {
    json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": behavior == "Removed"})
}

fn sequence(mut steps: Vec<Value>) -> Value {
    steps.push(byte_level(false));
    json!({"type": "Sequence", "pretokenizers": steps})
}

/// The names in `tokenizer.ggml.pre` that [`of_ggml`] knows, for errors.
pub(super) const GGML_NAMES: &str = "default, gpt-2, roberta-bpe and others with GPT-2's pattern; starcoder, refact, \
    command-r, smollm and others that cut digits off it; llama-bpe, dbrx, smaug-bpe, qwen2, stablelm2, gpt-4o, tekken, \
    deepseek-v3";

/// The pre-tokenizer of a name in `tokenizer.ggml.pre`, and whether a piece that is a token is taken whole.
pub(super) fn of_ggml(name: &str) -> Option<(Value, bool)> {
    let isolated =
        |patterns: &[&str]| sequence(patterns.iter().map(|pattern| split(pattern, "Isolated")).collect());
    Some(match name {
        "default" | "gpt-2" | "gpt2" | "phi-2" | "roberta-bpe" | "mpt" | "olmo" | "jais" | "trillion"
        | "granite-docling" | "jina-es" | "jina-de" | "jina-v1-en" | "jina-v2-es" | "jina-v2-de"
        | "jina-v2-code" | "jina-v2-en" | "gigachat" | "a.x-4.0" | "mellum" => (byte_level(true), false),
        "starcoder" | "refact" | "command-r" | "smollm" | "codeshell" | "exaone" | "minerva-7b" => {
            let digits = json!({"type": "Digits", "individual_digits": true});
            (json!({"type": "Sequence", "pretokenizers": [digits, byte_level(true)]}), false)
        }
        "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "pixtral" => {
            (isolated(&[CL100K]), true)
        }
        "dbrx" | "smaug-bpe" => (isolated(&[CL100K]), false),
        "qwen2" | "deepseek-r1-qwen" | "stablelm2" | "hunyuan" | "megrez" => (isolated(&[QWEN2]), false),
        "gpt-4o" | "llama4" => (isolated(&[O200K]), false),
        "tekken" => (isolated(&[TEKKEN]), true),
        "deepseek-v3" => (isolated(&DEEPSEEK), false),
        _ => return None,
    })
}

/// Whether a token is white space that goes on after its last line break; characters cut short count as such.
fn lies_across_line_end(token: &[u8]) -> bool {
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    token.iter().any(is_break)
        && !token.last().is_some_and(is_break)
        && String::from_utf8_lossy(token)
            .chars()
            .all(|c| c.is_whitespace() || c == char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_tiktoken_are_recognised_where_they_are_equal() {
        let none = |_: &dyn Fn(&[u8]) -> bool| false;
        let of = |pattern| pre_tokenizer(pattern, none).unwrap();
        assert_eq!(of("r50k_base")["type"], "ByteLevel");
        assert_eq!(of(CL100K_ENDING), of("cl100k_base"));
        assert!(pre_tokenizer("cl1OOk", none).unwrap_err().to_string().contains("nor one of gpt2"));
        let token: &[u8] = b"\n\n ";
        let some = |property: &dyn Fn(&[u8]) -> bool| property(token);
        let kept = pre_tokenizer(CL100K_ENDING, some).unwrap();
        assert!(kept["pretokenizers"][0]["pattern"]["Regex"].as_str().unwrap().contains(r"\s++\z"));
        for (token, across) in
            [("\n ", true), (" \n", false), ("\n a", false), ("\n\u{a0}", true), ("a\n", false)]
        {
            assert_eq!(lies_across_line_end(token.as_bytes()), across, "{token:?}");
        }
    }
}
