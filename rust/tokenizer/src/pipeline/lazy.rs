//! Encodings whose ids are computed at once and everything else when it is asked for.

use std::sync::{Arc, OnceLock};

use ferrolm_base::Cancel;
use rayon::prelude::*;

use super::encode::Input;
use crate::encoding::{Columns, Direction, Encoding};
use crate::error::{Result, TokenizerError};
use crate::model::Model;
use crate::post_processor::Slot;
use crate::tokenizer::Tokenizer;

/// An [`Input`] that owns its text.
#[derive(Debug, Clone)]
pub enum OwnedInput {
    Text(Box<str>),
    Words(Vec<String>),
}

impl OwnedInput {
    pub(super) fn borrow(&self) -> Input<'_> {
        match self {
            Self::Text(text) => Input::Text(text),
            Self::Words(words) => Input::Words(words.iter().map(String::as_str).collect()),
        }
    }
}

impl From<&Input<'_>> for OwnedInput {
    fn from(input: &Input<'_>) -> Self {
        match input {
            Input::Text(text) => Self::Text((*text).into()),
            Input::Words(words) => Self::Words(words.iter().map(|&word| word.to_owned()).collect()),
        }
    }
}

/// What to encode again, with everything, when more than the ids is asked for.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) tokenizer: Arc<Tokenizer>,
    pub(super) first: OwnedInput,
    pub(super) second: Option<OwnedInput>,
    add_special_tokens: bool,
    pub(super) offsets: bool,
    /// The length to which a batch was padded.
    pad_to: usize,
    pub(super) truncated: Option<Direction>,
}

/// Tokens in a row that have the same masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub length: usize,
    pub type_id: u32,
    /// The input that the tokens stand for: the first (0) or the second.
    pub sequence: Option<usize>,
    /// Counts in the mask of special tokens: special and padding tokens do.
    pub special: bool,
    /// Not attended to.
    pub padding: bool,
}

/// Ids, and how they are laid out.
#[derive(Debug, Clone, Default)]
pub(super) struct Processed {
    ids: Vec<u32>,
    runs: Vec<Run>,
    /// The side on which tokens were cut off, if any were.
    truncated: Option<Direction>,
}

/// An encoding, perhaps not computed in full yet.
#[derive(Debug, Clone)]
pub struct LazyEncoding {
    ids: Vec<u32>,
    /// What the masks are made of, as long as `full` is not there.
    runs: Vec<Run>,
    source: Option<Source>,
    /// None where only the full encoding can tell.
    columns: OnceLock<Option<Columns>>,
    full: OnceLock<Encoding>,
}

impl From<Encoding> for LazyEncoding {
    fn from(encoding: Encoding) -> Self {
        let ids = encoding.ids.clone();
        Self { ids, runs: Vec::new(), source: None, columns: OnceLock::new(), full: OnceLock::from(encoding) }
    }
}

impl LazyEncoding {
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The runs of tokens with equal masks, unless everything is computed already.
    pub fn runs(&self) -> Option<&[Run]> {
        self.full.get().is_none().then_some(&self.runs)
    }

    /// Offsets, words and texts, computed at the first call; none where everything is computed already, or has to be.
    pub fn columns(&self) -> Option<&Columns> {
        let source = self.source.as_ref().filter(|_| self.full.get().is_none())?;
        self.columns.get_or_init(|| source.columns(&self.ids, &self.runs).ok().flatten()).as_ref()
    }

    /// The model that texts of tokens are looked up in as long as [`columns`](Self::columns) tells the others.
    pub fn model(&self) -> Option<&Model> {
        self.source.as_ref().map(|source| source.tokenizer.model())
    }

    /// Everything, computed at the first call.
    pub fn full(&self) -> Result<&Encoding> {
        if let (None, Some(source)) = (self.full.get(), &self.source) {
            let (first, second) = (source.first.borrow(), source.second.as_ref().map(OwnedInput::borrow));
            let tokenizer = &source.tokenizer;
            let mut encoding = tokenizer.encode_unpadded(
                &first,
                second.as_ref(),
                source.add_special_tokens,
                source.offsets,
            )?;
            if let Some(padding) = tokenizer.padding() {
                encoding.pad(source.pad_to, padding)?;
            }
            return Ok(self.full.get_or_init(|| encoding));
        }
        Ok(self.full.get_or_init(Encoding::default))
    }

    /// Everything, to be changed.
    pub fn change(&mut self, change: impl FnOnce(&mut Encoding) -> Result<()>) -> Result<()> {
        let mut encoding = self.full()?.clone();
        change(&mut encoding)?;
        *self = encoding.into();
        Ok(())
    }
}

impl Tokenizer {
    /// Encode `input`, and `pair` after it.
    pub fn encode_lazy(
        self: &Arc<Self>,
        input: &Input<'_>,
        pair: Option<&Input<'_>>,
        add_special_tokens: bool,
        offsets: bool,
    ) -> Result<LazyEncoding> {
        let mut encoding = self.lazy_unpadded(input, pair, add_special_tokens, offsets)?;
        self.pad_lazy(std::slice::from_mut(&mut encoding))?;
        Ok(encoding)
    }

    /// Encode many; padded to the longest if padding is on. Runs on the current pool.
    pub fn encode_lazy_batch(
        self: &Arc<Self>,
        inputs: &[(Input<'_>, Option<Input<'_>>)],
        add_special_tokens: bool,
        offsets: bool,
        cancel: &Cancel,
    ) -> Result<Vec<LazyEncoding>> {
        let one = |(first, second): &(Input<'_>, Option<Input<'_>>)| {
            cancel.check()?;
            self.lazy_unpadded(first, second.as_ref(), add_special_tokens, offsets)
        };
        let mut encodings = inputs.par_iter().with_min_len(8).map(one).collect::<Result<Vec<_>>>()?;
        self.pad_lazy(&mut encodings)?;
        Ok(encodings)
    }

    fn lazy_unpadded(
        self: &Arc<Self>,
        first: &Input<'_>,
        second: Option<&Input<'_>>,
        add_special_tokens: bool,
        offsets: bool,
    ) -> Result<LazyEncoding> {
        let Some(Processed { ids, mut runs, truncated }) =
            self.processed_ids(first, second, add_special_tokens)?
        else {
            return Ok(self.encode_unpadded(first, second, add_special_tokens, offsets)?.into());
        };
        if !offsets && self.post_processor().is_none() {
            // Without offsets the reference does not know the type of the sequence.
            for run in &mut runs {
                run.type_id = 0;
            }
        }
        let source = Source {
            tokenizer: self.clone(),
            first: first.into(),
            second: second.map(OwnedInput::from),
            add_special_tokens,
            offsets,
            pad_to: 0,
            truncated,
        };
        let (columns, full) = (OnceLock::new(), OnceLock::new());
        Ok(LazyEncoding { ids, runs, source: Some(source), columns, full })
    }

    fn pad_lazy(&self, encodings: &mut [LazyEncoding]) -> Result<()> {
        let Some(padding) = self.padding() else { return Ok(()) };
        padding.check()?;
        let target = padding.target(encodings.iter().map(|encoding| encoding.ids.len()).max().unwrap_or(0));
        for encoding in encodings {
            if let Some(full) = encoding.full.get_mut() {
                full.pad(target, padding)?;
            }
            // What truncation cut off is padded too, whether or not this is.
            if let Some(source) = &mut encoding.source {
                source.pad_to = target;
            }
            let missing = target.saturating_sub(encoding.ids.len());
            if missing == 0 {
                continue;
            }
            let type_id = padding.pad_type_id;
            let run = Run { length: missing, type_id, sequence: None, special: true, padding: true };
            let left = padding.direction == Direction::Left;
            let (at, run_at) = if left { (0, 0) } else { (encoding.ids.len(), encoding.runs.len()) };
            encoding.ids.splice(at..at, std::iter::repeat_n(padding.pad_id, missing));
            encoding.runs.insert(run_at, run);
        }
        Ok(())
    }

    /// The ids of the encoding, truncated and with special tokens; none if only the full encoding can tell.
    pub(super) fn processed_ids(
        &self,
        first: &Input<'_>,
        second: Option<&Input<'_>>,
        add_special_tokens: bool,
    ) -> Result<Option<Processed>> {
        let Some(layout) = self.layout(second.is_some(), add_special_tokens) else { return Ok(None) };
        let mut sequences = [Vec::new(), Vec::new()];
        let mut truncated = None;
        for (ids, input) in sequences.iter_mut().zip(std::iter::once(first).chain(second)) {
            self.push_input_ids(input, ids)?;
        }
        if let Some(truncation) = self.effective_truncation(second.is_some(), add_special_tokens)? {
            let [first, other] = &mut sequences;
            let (kept, kept_other) = truncation.lengths(first.len(), second.map(|_| other.len()))?;
            let cuts = kept < first.len() || kept_other.is_some_and(|kept| kept < other.len());
            truncated = cuts.then_some(truncation.direction);
            keep(first, kept, truncation.stride, truncation.direction)?;
            if let Some(kept) = kept_other {
                keep(other, kept, truncation.stride, truncation.direction)?;
            }
        }
        let run = |slot: &Slot| {
            let (length, type_id, sequence) = match slot {
                Slot::Sequence(sequence, type_id) => (sequences[*sequence].len(), *type_id, Some(*sequence)),
                Slot::Special(_, type_id) => (1, *type_id, None),
            };
            Run { length, type_id, sequence, special: sequence.is_none(), padding: false }
        };
        let runs = layout.iter().map(run).collect();
        // As a rule nothing is added, and the one sequence is the answer.
        if let [Slot::Sequence(0, _)] = layout[..] {
            let [first, _] = sequences;
            return Ok(Some(Processed { ids: first, runs, truncated }));
        }
        let mut ids = Vec::with_capacity(sequences.iter().map(Vec::len).sum::<usize>() + layout.len());
        for slot in layout {
            match slot {
                Slot::Sequence(sequence, _) => ids.extend_from_slice(&sequences[sequence]),
                Slot::Special(id, _) => ids.push(id),
            }
        }
        Ok(Some(Processed { ids, runs, truncated }))
    }
}

/// What [`Encoding::truncate`] leaves of the ids.
fn keep(ids: &mut Vec<u32>, length: usize, stride: usize, direction: Direction) -> Result<()> {
    if length >= ids.len() {
        return Ok(());
    }
    if length > 0 && stride >= length {
        let message = format!("{stride} is not smaller than the {length} tokens that are kept");
        return Err(TokenizerError::argument("stride", message));
    }
    match direction {
        Direction::Right => ids.truncate(length),
        Direction::Left => drop(ids.drain(..ids.len() - length)),
    }
    Ok(())
}
