//! Text to ids.

use super::byte_level::known_parts;
use crate::added::Segment;
use crate::error::{Result, TokenizerError};
use crate::post_processor::{PostProcessor, Slot, plain_layout};
use crate::pre_tokenizer::PreTokenizer;
use crate::tokenizer::Tokenizer;
use crate::truncation::Truncation;

/// One sequence: a text, or words that are encoded one by one.
#[derive(Debug, Clone)]
pub enum Input<'a> {
    Text(&'a str),
    Words(Vec<&'a str>),
}

impl Tokenizer {
    /// Append the ids of `text`, without what post-processing adds.
    pub fn push_ids(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        let plan = self.plan();
        if plan.engine.is_none() {
            return match &plan.words {
                Some(words) => words.push_ids(self, text, ids),
                None => self.push_general_ids(text, ids),
            };
        }
        let mut result = Ok(());
        self.added_vocabulary().segments(text, |Segment { range, added }| match added {
            Some(id) => ids.push(id),
            None if result.is_ok() => result = self.push_raw_ids(&text[range], ids),
            None => {}
        });
        result
    }

    /// Append the ids of a stretch in which only tokens of normalized text can be found yet.
    fn push_raw_ids(&self, stretch: &str, ids: &mut Vec<u32>) -> Result<()> {
        let normal = self.normalizer().map(|normalizer| normalizer.normalize_plain(stretch)).transpose()?;
        let stretch = normal.as_deref().unwrap_or(stretch);
        let mut result = Ok(());
        self.added_vocabulary().normalized_segments(stretch, |Segment { range, added }| match added {
            Some(id) => ids.push(id),
            None if result.is_ok() => {
                let part = &stretch[range];
                result = self.push_stretch_ids(part, self.adds_space(part), ids);
            }
            None => {}
        });
        result
    }

    /// Append the ids of a stretch without added tokens, by the byte-level engine.
    pub(super) fn push_stretch_ids(&self, stretch: &str, space: bool, ids: &mut Vec<u32>) -> Result<()> {
        check_length(stretch)?;
        if let Some(engine) = &self.plan().engine {
            if space {
                engine.encode(&spaced(stretch), ids);
            } else {
                known_parts(stretch, engine.family()).for_each(|part| engine.encode(&stretch[part], ids));
            }
        }
        Ok(())
    }

    /// Whether the pre-tokenizer puts a space before `stretch`.
    pub(super) fn adds_space(&self, stretch: &str) -> bool {
        let settings = match self.pre_tokenizer() {
            Some(PreTokenizer::ByteLevel(settings)) => settings,
            Some(PreTokenizer::Sequence(parts)) => match parts.as_slice() {
                [PreTokenizer::ByteLevel(settings)] => settings,
                _ => return false,
            },
            _ => return false,
        };
        settings.adds_space(stretch)
    }

    /// The truncation in force, less what special tokens take.
    pub(super) fn effective_truncation(
        &self,
        pair: bool,
        add_special_tokens: bool,
    ) -> Result<Option<Truncation>> {
        let Some(truncation) = self.truncation() else { return Ok(None) };
        let added = if add_special_tokens { self.added_tokens(pair) } else { 0 };
        let max_length = truncation.max_length.checked_sub(added).ok_or_else(|| {
            let message =
                format!("{} is less than the {added} special tokens that are added", truncation.max_length);
            TokenizerError::argument("max_length", message)
        })?;
        Ok(Some(Truncation { max_length, ..*truncation }))
    }

    /// Where special tokens go; none if only the full encoding can tell.
    pub(super) fn layout(&self, pair: bool, add_special_tokens: bool) -> Option<Vec<Slot>> {
        match self.post_processor() {
            Some(processor) => processor.layout(pair, add_special_tokens),
            None => Some(plain_layout(pair)),
        }
    }

    /// Append the ids of `text` with special tokens around them, if asked; neither truncated nor padded.
    pub fn push_ids_special(&self, text: &str, add_special_tokens: bool, ids: &mut Vec<u32>) -> Result<()> {
        let keeps = |processor: &PostProcessor| processor.keeps_ids(add_special_tokens);
        if self.post_processor().is_none_or(keeps) {
            return self.push_ids(text, ids);
        }
        for slot in self.single_layout(add_special_tokens)? {
            match slot {
                Slot::Sequence(..) => self.push_ids(text, ids)?,
                Slot::Special(id, _) => ids.push(id),
            }
        }
        Ok(())
    }
}

/// The engine counts bytes in 32 bits.
const MAX_STRETCH: usize = u32::MAX as usize - 64;

fn check_length(stretch: &str) -> Result<()> {
    if stretch.len() >= MAX_STRETCH {
        let (what, found) = ("bytes of text without white space", stretch.len());
        return Err(TokenizerError::Limit { what, found, limit: MAX_STRETCH });
    }
    Ok(())
}

fn spaced(stretch: &str) -> String {
    [" ", stretch].concat()
}
