//! Post-processors: what adds special tokens around sequences and trims offsets.

mod arrange;
mod bert;
mod byte_level;
mod roberta;
mod template;

pub use bert::Bert;
pub(crate) use byte_level::trimmed;
pub use roberta::Roberta;
pub use template::{Piece, Sequence, SpecialToken, Template};

use crate::encoding::Encoding;
use crate::error::Result;
use crate::pre_tokenizer::ByteLevel;

/// The post-processor of a tokenizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostProcessor {
    ByteLevel(ByteLevel),
    Bert(Bert),
    Roberta(Roberta),
    Template(Template),
    /// One after the other.
    Sequence(Vec<PostProcessor>),
}

/// Where ids of the sequences and of special tokens go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// The first (0) or second (1) sequence, with the type id of its tokens.
    Sequence(usize, u32),
    Special(u32, u32),
}

impl PostProcessor {
    /// Number of special tokens that are added to a single sequence or a pair.
    pub fn added_tokens(&self, pair: bool) -> usize {
        match self {
            Self::ByteLevel(_) => 0,
            Self::Bert(_) => 2 + usize::from(pair),
            Self::Roberta(_) => 2 + 2 * usize::from(pair),
            Self::Template(template) => template.added_tokens(pair),
            Self::Sequence(processors) => processors.iter().map(|one| one.added_tokens(pair)).sum(),
        }
    }

    /// Whether the ids of a single sequence stay as they are.
    pub(crate) fn keeps_ids(&self, add_special_tokens: bool) -> bool {
        match self {
            Self::ByteLevel(_) => true,
            Self::Bert(_) | Self::Roberta(_) => !add_special_tokens,
            Self::Template(template) => template.keeps_ids(add_special_tokens),
            Self::Sequence(processors) => processors.iter().all(|one| one.keeps_ids(add_special_tokens)),
        }
    }

    /// The one encoding made of one or two.
    pub fn process(&self, mut encodings: Vec<Encoding>, add_special_tokens: bool) -> Result<Encoding> {
        for (sequence, encoding) in encodings.iter_mut().enumerate() {
            encoding.set_sequence_id(sequence);
            encoding.set_type_ids(sequence as u32);
            for overflow in &mut encoding.overflowing {
                overflow.set_sequence_id(sequence);
            }
        }
        let mut parts = self.process_parts(encodings, add_special_tokens)?;
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { merge(&parts) })
    }

    fn process_parts(&self, mut parts: Vec<Encoding>, add_special_tokens: bool) -> Result<Vec<Encoding>> {
        match self {
            Self::ByteLevel(settings) => {
                byte_level::process(&mut parts, *settings);
                Ok(parts)
            }
            Self::Bert(bert) => Ok(if add_special_tokens { bert.process(&parts) } else { parts }),
            Self::Roberta(roberta) => Ok(roberta.process(parts, add_special_tokens)),
            Self::Template(template) => template.process(parts, add_special_tokens),
            Self::Sequence(processors) => processors
                .iter()
                .try_fold(parts, |parts, processor| processor.process_parts(parts, add_special_tokens)),
        }
    }

    /// The layout of ids and type ids that [`process`](Self::process) makes; none if only processing can tell.
    pub fn layout(&self, pair: bool, add_special_tokens: bool) -> Option<Vec<Slot>> {
        match self {
            Self::Bert(bert) if add_special_tokens => Some(bert.layout(pair)),
            Self::ByteLevel(_) | Self::Bert(_) => Some(plain_layout(pair)),
            Self::Roberta(roberta) => Some(roberta.layout(pair, add_special_tokens)),
            Self::Template(template) => template.layout(pair, add_special_tokens),
            Self::Sequence(processors) => {
                let mut changing = processors.iter().filter(|one| !matches!(one, Self::ByteLevel(_)));
                match (changing.next(), changing.next()) {
                    (None, _) => Some(plain_layout(pair)),
                    (Some(one), None) => one.layout(pair, add_special_tokens),
                    (Some(_), Some(_)) => None,
                }
            }
        }
    }
}

impl PostProcessor {
    /// The texts of the special tokens of the [`layout`](Self::layout), in its order.
    pub(crate) fn special_texts(&self, pair: bool) -> Vec<&str> {
        match self {
            Self::ByteLevel(_) => Vec::new(),
            Self::Bert(bert) => bert.special_texts(pair),
            Self::Roberta(roberta) => roberta.special_texts(pair),
            Self::Template(template) => template.special_texts(pair),
            // A sequence with a layout has one that adds tokens.
            Self::Sequence(processors) => processors.iter().flat_map(|one| one.special_texts(pair)).collect(),
        }
    }

    /// Whether one post-processor puts special tokens and a sequence together and another one may go on with that.
    pub(crate) fn joins_before_others(&self) -> bool {
        let joins = |one: &Self| !matches!(one, Self::ByteLevel(_) | Self::Template(_));
        matches!(self, Self::Sequence(processors) if processors.len() > 1 && processors.iter().any(joins))
    }

    /// Emit, for each time that offsets are trimmed, whether there may be a space in front that is not in the text.
    pub(crate) fn trims(&self, emit: &mut impl FnMut(bool)) {
        match self {
            Self::ByteLevel(settings) if settings.trim_offsets => emit(settings.add_prefix_space),
            Self::Roberta(roberta) if roberta.trim_offsets => emit(roberta.add_prefix_space),
            Self::Sequence(processors) => processors.iter().for_each(|one| one.trims(emit)),
            _ => {}
        }
    }
}

/// One sequence after the other, as without a post-processor.
pub fn plain_layout(pair: bool) -> Vec<Slot> {
    (0..=usize::from(pair)).map(|sequence| Slot::Sequence(sequence, sequence as u32)).collect()
}

/// The encodings joined, their overflowing parts combined.
pub fn merge(parts: &[Encoding]) -> Encoding {
    let mut merged = Encoding::default();
    for part in parts {
        merged.merge_with(part, false);
    }
    merged
}

/// `before` + `encoding` + `after`, and the same around each overflowing part; the sequence is the middle.
fn surround(encoding: &Encoding, before: Option<&Encoding>, after: &Encoding, sequence: usize) -> Encoding {
    let whole = |middle: &Encoding| {
        let mut middle = middle.clone();
        middle.overflowing.clear();
        middle.sequence_ranges.clear();
        middle.special_tokens_mask.fill(0);
        middle.attention_mask.fill(1);
        middle.set_sequence_id(sequence);
        let mut parts: Vec<_> = before.into_iter().cloned().collect();
        parts.extend([middle, after.clone()]);
        merge(&parts)
    };
    Encoding { overflowing: encoding.overflowing.iter().map(whole).collect(), ..whole(encoding) }
}
