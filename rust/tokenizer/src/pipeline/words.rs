//! Ids by the engine of words, for tokenizers that are not byte-level BPE.

use super::batch::TASK_BYTES;
use crate::added::Segment;
use crate::error::Result;
use crate::fast::WordEngine;
use crate::tokenizer::Tokenizer;

/// The engine, and which text it takes.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) engine: WordEngine,
    /// Added tokens are matched in normalized text, which the engine takes then.
    normalized: bool,
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

    /// Whether large texts can be cut into parts.
    pub(super) fn cuts(&self) -> bool {
        !self.normalized
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
        if self.cuts() {
            return stretches(tokenizer, text, |part| self.push_part(part, ids));
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
        // Cutting does not fail.
        let _ = stretches(tokenizer, text, cut);
    }
}

/// Added tokens and what is between them, where normalization changes nothing about that.
fn stretches<'a>(
    tokenizer: &Tokenizer,
    text: &'a str,
    mut emit: impl FnMut(Part<'a>) -> Result<()>,
) -> Result<()> {
    let added = tokenizer.added_vocabulary();
    let mut result = Ok(());
    added.segments(text, |Segment { range: outer, added: id }| {
        if result.is_err() {
            return;
        }
        if let Some(id) = id {
            result = emit(Part::Id(id));
            return;
        }
        added.normalized_segments(&text[outer.clone()], |Segment { range, added: id }| {
            if result.is_ok() {
                let (start, end) = (outer.start + range.start, outer.start + range.end);
                result = emit(id.map_or(Part::First(&text[start..end], start == 0), Part::Id));
            }
        });
    });
    result
}
