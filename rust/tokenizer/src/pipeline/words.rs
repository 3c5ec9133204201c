//! Ids by the engine of words, for tokenizers that are not byte-level BPE.

use super::batch::TASK_BYTES;
use super::start::keeps_start;
use crate::added::Segment;
use crate::error::Result;
use crate::fast::WordEngine;
use crate::tokenizer::Tokenizer;

/// The engine, and which text it takes.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) engine: WordEngine,
    /// Added tokens are matched in normalized text, which the engine takes then.
    pub(super) normalized: bool,
}

/// Text for the engine, or an added token.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    Id(u32),
    /// The first part of a stretch: whether it is the start of the text.
    First(&'a str, bool),
    /// One that comes after another of the same stretch.
    Rest(&'a str),
}

impl Words {
    pub(super) fn new(tokenizer: &Tokenizer) -> Option<Self> {
        let normalized = tokenizer.normalizer().is_some() && tokenizer.added_vocabulary().has_normalized();
        let normalizer = tokenizer.normalizer().filter(|_| !normalized);
        let engine = WordEngine::new(normalizer, tokenizer.pre_tokenizer(), tokenizer.model())?;
        // Whether the start of normalized text is the start of the text takes alignments to know.
        (!normalized || !engine.knows_start()).then_some(Self { engine, normalized })
    }

    /// Whether a large text can be cut into parts.
    pub(super) fn cuts(&self, tokenizer: &Tokenizer, text: &str) -> bool {
        !self.normalized && self.at_start(tokenizer, text).is_some()
    }

    /// Whether text at the start is the start also when it is normalized; none if the general path has to find out.
    pub(super) fn at_start(&self, tokenizer: &Tokenizer, text: &str) -> Option<bool> {
        let normalizer = tokenizer.normalizer().filter(|_| self.engine.knows_start());
        normalizer.map_or(Some(true), |normalizer| keeps_start(normalizer, text))
    }

    pub(super) fn push_part(&self, part: Part<'_>, ids: &mut Vec<u32>) -> Result<()> {
        match part {
            Part::Id(id) => ids.push(id),
            Part::First(text, at_start) => self.engine.encode(text, at_start, ids)?,
            Part::Rest(text) => self.engine.encode_rest(text, ids)?,
        }
        Ok(())
    }

    /// Append the ids of a text.
    pub(super) fn push_ids(&self, tokenizer: &Tokenizer, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        if !self.normalized {
            let Some(at_start) = self.at_start(tokenizer, text) else {
                return tokenizer.push_general_ids(text, ids);
            };
            return stretches(tokenizer, text, at_start, |part| self.push_part(part, ids));
        }
        let added = tokenizer.added_vocabulary();
        let mut result = Ok(());
        added.segments(text, |Segment { range, added: id }| {
            if let Some(id) = id {
                ids.push(id);
            } else if result.is_ok() {
                result = self.push_normalized(tokenizer, &text[range], ids);
            }
        });
        result
    }

    fn push_normalized(&self, tokenizer: &Tokenizer, raw: &str, ids: &mut Vec<u32>) -> Result<()> {
        let normalized = match tokenizer.normalizer() {
            Some(normalizer) => normalizer.normalize_plain(raw)?,
            None => raw.into(),
        };
        let mut result = Ok(());
        tokenizer.added_vocabulary().normalized_segments(&normalized, |Segment { range, added: id }| {
            if let Some(id) = id {
                ids.push(id);
            } else if result.is_ok() {
                result = self.engine.encode(&normalized[range], false, ids);
            }
        });
        result
    }

    /// Emit the parts of a large text.
    pub(super) fn parts<'a>(&self, tokenizer: &Tokenizer, text: &'a str, mut emit: impl FnMut(Part<'a>)) {
        let cut = |part| {
            let Part::First(stretch, at_start) = part else {
                emit(part);
                return Ok(());
            };
            for (index, part) in self.engine.cut(stretch, TASK_BYTES).enumerate() {
                emit(if index == 0 { Part::First(part, at_start) } else { Part::Rest(part) });
            }
            Ok(())
        };
        let at_start = self.at_start(tokenizer, text).unwrap_or(true);
        // Cutting does not fail.
        let _ = stretches(tokenizer, text, at_start, cut);
    }
}

/// Added tokens and what is between them, where normalization changes nothing about that.
fn stretches<'a>(
    tokenizer: &Tokenizer,
    text: &'a str,
    at_start: bool,
    mut emit: impl FnMut(Part<'a>) -> Result<()>,
) -> Result<()> {
    let mut result = Ok(());
    tokenizer.added_vocabulary().all_segments(text, |Segment { range, added }| {
        if result.is_ok() {
            let is_first = range.start == 0 && at_start;
            result = emit(added.map_or(Part::First(&text[range], is_first), Part::Id));
        }
    });
    result
}
