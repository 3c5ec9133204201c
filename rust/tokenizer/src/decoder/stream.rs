//! Decoding token by token, for text that is shown while it is generated.

use std::sync::Arc;

use super::cache::DecodeCache;
use super::window::Window;
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
    /// Text of all of them, where it can be followed, and the decoder that it is of.
    window: Option<(Window, Arc<DecodeCache>)>,
}

impl DecodeStream {
    /// A stream that continues after `ids`, whose text is known already.
    pub fn new(ids: Vec<u32>, skip_special_tokens: bool) -> Self {
        Self { skip_special_tokens, ids, ..Self::default() }
    }

    /// The text that `new` completes; none while a character is unfinished.
    ///
    /// Takes time for the tokens held back and those returned before them, not for the whole text.
    ///
    /// # Errors
    /// If the new tokens change the text before them; those of the decoder.
    pub fn step(&mut self, tokenizer: &Tokenizer, new: &[u32]) -> Result<Option<String>> {
        self.follow(tokenizer)?;
        if self.prefix.is_empty() && !self.ids.is_empty() {
            let prefix = self.finished_text(tokenizer, 0)?;
            if let Some(prefix) = prefix {
                self.prefix = prefix;
                self.prefix_index = self.ids.len();
            }
        }
        self.ids.extend(new);
        if let Some((window, cache)) = &mut self.window {
            for &id in new {
                cache.push_to(window, tokenizer, id, self.skip_special_tokens)?;
            }
        }
        let Some(text) = self.finished_text(tokenizer, self.prefix.len() + 1)? else { return Ok(None) };
        let Some(fresh) = text.strip_prefix(&self.prefix).map(str::to_owned) else {
            let message = format!("the tokens change the text {:?} before them to {text:?}", self.prefix);
            return Err(TokenizerError::argument("id", message));
        };
        let kept = self.ids.len() - self.prefix_index;
        self.ids.drain(..self.prefix_index);
        self.prefix_index = kept;
        self.fill(tokenizer)?;
        self.prefix = match &self.window {
            Some((window, _)) => window.text(),
            None => tokenizer.decode(&self.ids, self.skip_special_tokens)?,
        };
        Ok(Some(fresh))
    }

    /// Begin to follow the text, or anew where the tokenizer is not the one that it was.
    fn follow(&mut self, tokenizer: &Tokenizer) -> Result<()> {
        let cache = tokenizer.decode_cache();
        if self.window.as_ref().is_some_and(|(_, known)| Arc::ptr_eq(known, cache)) {
            return Ok(());
        }
        self.window = cache.window().map(|window| (window, Arc::clone(cache)));
        self.fill(tokenizer)
    }

    fn fill(&mut self, tokenizer: &Tokenizer) -> Result<()> {
        let Some((window, cache)) = &mut self.window else { return Ok(()) };
        window.clear();
        self.ids.iter().try_for_each(|&id| cache.push_to(window, tokenizer, id, self.skip_special_tokens))
    }

    /// The text of all ids, if it has `least` bytes and does not end in an unfinished character.
    fn finished_text(&self, tokenizer: &Tokenizer, least: usize) -> Result<Option<String>> {
        if let Some((window, _)) = &self.window {
            return Ok((window.len() >= least && !window.is_unfinished()).then(|| window.text()));
        }
        let text = tokenizer.decode(&self.ids, self.skip_special_tokens)?;
        Ok(Some(text).filter(|text| text.len() >= least && !text.ends_with(char::REPLACEMENT_CHARACTER)))
    }
}
