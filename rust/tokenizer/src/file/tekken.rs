//! Mistral's `tekken.json`: ranks of bytes, a pattern, and special tokens that have the first ids.

use std::path::Path;

use ferrolm_base::read;
use serde::Deserialize;

use super::{MAX_FILE_BYTES, base64, from_ranks, path};
use crate::error::{Result, TokenizerError};
use crate::ranks::{Ranks, rank_limit};
use crate::tokenizer::Tokenizer;

#[derive(Deserialize)]
struct Document {
    config: Config,
    vocab: Vec<Token>,
    special_tokens: Option<Vec<SpecialToken>>,
}

#[derive(Deserialize)]
struct Config {
    pattern: String,
    /// How many tokens count, special ones included; the file may list more.
    default_vocab_size: usize,
    default_num_special_tokens: usize,
}

#[derive(Deserialize)]
struct Token {
    rank: u32,
    token_bytes: String,
}

#[derive(Deserialize)]
struct SpecialToken {
    rank: u32,
    token_str: String,
}

/// What files that list no special tokens have.
const SPECIAL_TOKENS: [&str; 20] = [
    "<unk>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[TOOL_CALLS]",
    "[IMG]",
    "<pad>",
    "[IMG_BREAK]",
    "[IMG_END]",
    "[PREFIX]",
    "[MIDDLE]",
    "[SUFFIX]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
];

/// The tokenizer of a `tekken.json`; nothing is put around a text.
pub fn from_tekken(path: &Path) -> Result<Tokenizer> {
    tekken_from_bytes(&read::bytes(path, MAX_FILE_BYTES)?, &path.display().to_string())
}

/// The tokenizer of the bytes of a `tekken.json`; errors name `source_name`.
pub fn tekken_from_bytes(bytes: &[u8], source_name: &str) -> Result<Tokenizer> {
    let document: Document =
        serde_json::from_slice(bytes).map_err(|error| path::syntax(&error).named(source_name))?;
    let tokenizer = document.tokenizer().map_err(|error| error.named(source_name))?;
    tokenizer.plan().prepare();
    Ok(tokenizer)
}

impl Document {
    fn tokenizer(&self) -> Result<Tokenizer> {
        let reserved = self.config.default_num_special_tokens;
        let count =
            self.config.default_vocab_size.checked_sub(reserved).filter(|&count| count <= self.vocab.len());
        let count = count.ok_or_else(|| {
            let size = self.config.default_vocab_size;
            let message =
                format!("{size} is not between the {reserved} special tokens and all tokens of the file");
            TokenizerError::at("config.default_vocab_size", message)
        })?;
        let limit = rank_limit(self.vocab.len());
        if reserved > limit {
            let message = format!("{reserved} is beyond the limit of {limit} for so many tokens");
            return Err(TokenizerError::at("config.default_num_special_tokens", message));
        }
        let mut ranks = Ranks::with_capacity(count, count * 8);
        for (index, token) in self.vocab[..count].iter().enumerate() {
            let start = ranks.buffer().len();
            let place = || format!("vocab[{index}]");
            base64::decode_into(token.token_bytes.as_bytes(), ranks.buffer(), place)?;
            let rank = token.rank.saturating_add(reserved as u32);
            ranks.name(start, rank, limit + reserved)?;
        }
        from_ranks(&ranks, &self.config.pattern, &self.specials(reserved as u32)?)
    }

    /// The special tokens, those that nobody names included.
    fn specials(&self, reserved: u32) -> Result<Vec<(String, u32)>> {
        let mut specials: Vec<(String, u32)> =
            (0..reserved).map(|id| (format!("<SPECIAL_{id}>"), id)).collect();
        match &self.special_tokens {
            None => {
                for (special, name) in specials.iter_mut().zip(SPECIAL_TOKENS) {
                    name.clone_into(&mut special.0);
                }
            }
            Some(named) => {
                for token in named {
                    let special = specials.get_mut(token.rank as usize).ok_or_else(|| {
                        let message = format!("rank {} is beyond the {reserved} special tokens", token.rank);
                        TokenizerError::at("special_tokens", message)
                    })?;
                    special.0.clone_from(&token.token_str);
                }
            }
        }
        Ok(specials)
    }
}
