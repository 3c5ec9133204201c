//! Decoding token by token, for text that is shown while it is generated.

use crate::error::{Result, TokenizerError};
use crate::tokenizer::Tokenizer;

/// Holds back tokens until they decode to whole characters, so that what it returns joins to the whole text.
#[derive(Debug, Clone, Default)]
pub struct DecodeStream {
    skip_special_tokens: bool,
    /// The tokens whose text was returned last, then those that are held back.
    ids: Vec<u32>,
    /// Text of the former.
    prefix: String,
    /// Number of the former.
    prefix_index: usize,
}

impl DecodeStream {
    /// A stream that continues after `ids`, whose text is known already.
    pub fn new(ids: Vec<u32>, skip_special_tokens: bool) -> Self {
        Self { skip_special_tokens, ids, ..Self::default() }
    }

    /// The text that `new` completes; none while a character is unfinished.
    ///
    /// # Errors
    /// If the new tokens change the text before them, which no decoder of this crate does.
    pub fn step(&mut self, tokenizer: &Tokenizer, new: &[u32]) -> Result<Option<String>> {
        if self.prefix.is_empty() && !self.ids.is_empty() {
            let prefix = tokenizer.decode(&self.ids, self.skip_special_tokens);
            if !prefix.ends_with(char::REPLACEMENT_CHARACTER) {
                self.prefix = prefix;
                self.prefix_index = self.ids.len();
            }
        }
        self.ids.extend(new);
        let text = tokenizer.decode(&self.ids, self.skip_special_tokens);
        if text.len() <= self.prefix.len() || text.ends_with(char::REPLACEMENT_CHARACTER) {
            return Ok(None);
        }
        let Some(fresh) = text.strip_prefix(&self.prefix).map(str::to_owned) else {
            let message = format!("the tokens change the text {:?} before them", self.prefix);
            return Err(TokenizerError::argument("id", message));
        };
        let kept = self.ids.len() - self.prefix_index;
        self.ids.drain(..self.prefix_index);
        self.prefix = tokenizer.decode(&self.ids, self.skip_special_tokens);
        self.prefix_index = kept;
        Ok(Some(fresh))
    }
}
