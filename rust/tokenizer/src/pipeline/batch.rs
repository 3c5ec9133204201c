//! Many texts, or one that is large, to one flat array of ids.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use super::cut::cut;
use super::words::Part;
use crate::added::Segment;
use crate::encoding::Encoding;
use crate::error::{Result, TokenizerError};
use crate::post_processor::{Slot, plain_layout};
use crate::split::Family;
use crate::tokenizer::Tokenizer;

/// Ids of many texts, one after the other; text `i` has `ids[offsets[i]..offsets[i + 1]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ragged {
    pub ids: Vec<u32>,
    pub offsets: Vec<i64>,
}

/// Bytes of text that one task takes: a few milliseconds at most, between polls of the flag.
pub(super) const TASK_BYTES: usize = 1 << 17;

/// What a task does, in order.
#[derive(Debug, Clone, Copy)]
enum Unit<'a> {
    /// A small text, with special tokens around it.
    Whole(&'a str),
    /// An added or special token.
    Id(u32),
    /// A part of a large text between added tokens, perhaps with a space in front.
    Stretch(&'a str, bool),
    /// A part of a large text for the engine of words.
    Part(Part<'a>),
    /// A large text ends here.
    End,
}

impl Unit<'_> {
    fn bytes(&self) -> usize {
        match self {
            Self::Whole(text)
            | Self::Stretch(text, _)
            | Self::Part(Part::First(text, _) | Part::Rest(text)) => text.len(),
            Self::Id(_) | Self::Part(Part::Id(_)) | Self::End => 0,
        }
    }
}

impl Tokenizer {
    /// Ids of every text, special tokens around each if asked; runs on the current pool.
    ///
    /// Takes some two bytes of memory per byte of text besides the result. Texts are neither truncated nor padded.
    pub fn encode_ids_batch(
        &self,
        texts: &[&str],
        add_special_tokens: bool,
        cancel: &Cancel,
    ) -> Result<Ragged> {
        let units = self.units(texts, add_special_tokens)?;
        if rayon::current_num_threads() == 1 {
            let (ids, ends) = self.run(&units, add_special_tokens, cancel)?;
            return Ok(join(vec![(ids, ends)], texts.len()));
        }
        let work = |task: &&[Unit<'_>]| self.run(task, add_special_tokens, cancel);
        let parts: Vec<(Vec<u32>, Vec<usize>)> = match tasks(&units).as_slice() {
            [one] => vec![work(one)?],
            many => many.par_iter().map(work).collect::<Result<_>>()?,
        };
        Ok(join(parts, texts.len()))
    }

    fn units<'a>(&self, texts: &[&'a str], add_special_tokens: bool) -> Result<Vec<Unit<'a>>> {
        let mut units = Vec::with_capacity(texts.len());
        for text in texts {
            let plan = self.plan();
            let cuts = || match (&plan.engine, &plan.words) {
                (Some(_), _) => self.is_normal(text),
                (None, words) => words.as_ref().is_some_and(|words| words.cuts(self, text)),
            };
            if text.len() < 2 * TASK_BYTES || !cuts() {
                units.push(Unit::Whole(text));
                continue;
            }
            for slot in self.single_layout(add_special_tokens)? {
                match slot {
                    Slot::Special(id, _) => units.push(Unit::Id(id)),
                    Slot::Sequence(..) => self.push_units(text, &mut units),
                }
            }
            units.push(Unit::End);
        }
        Ok(units)
    }

    /// The added tokens of a large text, and what is between them cut into stretches.
    fn push_units<'a>(&self, text: &'a str, units: &mut Vec<Unit<'a>>) {
        let plan = self.plan();
        if plan.engine.is_none()
            && let Some(words) = &plan.words
        {
            words.parts(self, text, |part| units.push(Unit::Part(part)));
            return;
        }
        let added = self.added_vocabulary();
        let family = plan.engine.as_ref().map_or(Family::Gpt2, |engine| engine.family());
        added.all_segments(text, |Segment { range, added }| {
            if let Some(id) = added {
                units.push(Unit::Id(id));
                return;
            }
            let mut space = self.adds_space(&text[range.clone()]);
            for stretch in cut(&text[range], TASK_BYTES, family) {
                units.push(Unit::Stretch(stretch, std::mem::take(&mut space)));
            }
        });
    }

    /// Ids of the units of a task, and how many there are at the end of each text.
    fn run(
        &self,
        task: &[Unit<'_>],
        add_special_tokens: bool,
        cancel: &Cancel,
    ) -> Result<(Vec<u32>, Vec<usize>)> {
        let bytes: usize = task.iter().map(Unit::bytes).sum();
        let (mut ids, mut ends) = (Vec::with_capacity(bytes / 4 + 8), Vec::new());
        for unit in task {
            cancel.check()?;
            match unit {
                Unit::Whole(text) => self.push_ids_special(text, add_special_tokens, &mut ids)?,
                Unit::Id(id) => ids.push(*id),
                Unit::Part(part) => {
                    if let Some(words) = &self.plan().words {
                        words.push_part(*part, &mut ids)?;
                    }
                }
                Unit::Stretch(stretch, space) => self.push_stretch_ids(stretch, *space, &mut ids)?,
                Unit::End => {}
            }
            if matches!(unit, Unit::Whole(_) | Unit::End) {
                ends.push(ids.len());
            }
        }
        Ok((ids, ends))
    }

    /// Where special tokens go around one text.
    pub(super) fn single_layout(&self, add_special_tokens: bool) -> Result<Vec<Slot>> {
        let Some(processor) = self.post_processor() else { return Ok(plain_layout(false)) };
        if let Some(layout) = processor.id_layout(add_special_tokens) {
            return Ok(layout);
        }
        // Processing is an error, and says which.
        processor.process(vec![Encoding::default()], add_special_tokens)?;
        Err(TokenizerError::argument("post_processor", "places no sequence"))
    }
}

/// Runs of units of about [`TASK_BYTES`] together.
fn tasks<'a, 'b>(units: &'b [Unit<'a>]) -> Vec<&'b [Unit<'a>]> {
    let mut tasks = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, unit) in units.iter().enumerate() {
        bytes += unit.bytes();
        if bytes >= TASK_BYTES {
            tasks.push(&units[start..=index]);
            (start, bytes) = (index + 1, 0);
        }
    }
    if start < units.len() {
        tasks.push(&units[start..]);
    }
    tasks
}

fn join(mut parts: Vec<(Vec<u32>, Vec<usize>)>, texts: usize) -> Ragged {
    let mut offsets = Vec::with_capacity(texts + 1);
    offsets.push(0);
    let mut base = 0;
    for (ids, ends) in &parts {
        offsets.extend(ends.iter().map(|end| (base + end) as i64));
        base += ids.len();
    }
    if parts.len() == 1 {
        let (ids, _) = parts.swap_remove(0);
        return Ragged { ids, offsets };
    }
    let mut ids = Vec::with_capacity(base);
    for (part, _) in parts {
        ids.extend_from_slice(&part);
    }
    Ragged { ids, offsets }
}
