//! From sequences of text to words.

use std::fmt;
use std::sync::Arc;

use ferrolm_base::Cancel;

use super::super::TrainError;
use super::table::CountTable;
use crate::error;
use crate::fast::starts;
use crate::pre_tokenizer::PreTokenizer;
use crate::split::Family;
use crate::tokenizer::Tokenizer;

/// A function that emits the words of a text.
pub type Pieces = dyn Fn(&str, &mut dyn FnMut(&str)) -> error::Result<()> + Send + Sync;

/// How sequences of text become words.
#[derive(Clone)]
pub struct Sequences {
    /// Every line, with its end, is a sequence of its own, as `tokenizers` reads files.
    pub by_line: bool,
    pub cut: Cut,
}

/// How one sequence becomes words.
#[derive(Clone)]
pub enum Cut {
    /// The byte-level pre-tokenizer and nothing else: words are bytes, and the fast scanner finds them.
    ByteLevel {
        /// Put a space before a sequence that does not start with one.
        add_prefix_space: bool,
        /// The pattern to cut by; without one a sequence is one word.
        family: Option<Family>,
    },
    /// Any normalizer and pre-tokenizer.
    Pieces(Arc<Pieces>),
}

impl Default for Sequences {
    fn default() -> Self {
        Self { by_line: false, cut: Cut::ByteLevel { add_prefix_space: false, family: Some(Family::Gpt2) } }
    }
}

impl fmt::Debug for Sequences {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sequences").field("by_line", &self.by_line).finish_non_exhaustive()
    }
}

impl Sequences {
    /// The words that the model of `tokenizer` sees: added tokens, normalizer and pre-tokenizer are applied.
    pub fn of(tokenizer: &Arc<Tokenizer>, by_line: bool) -> Self {
        let plain = tokenizer.normalizer().is_none() && tokenizer.added_vocabulary().ids().is_empty();
        let cut = match tokenizer.pre_tokenizer() {
            Some(PreTokenizer::ByteLevel(settings)) if plain => Cut::ByteLevel {
                add_prefix_space: settings.add_prefix_space,
                family: settings.use_regex.then_some(Family::Gpt2),
            },
            _ => {
                let tokenizer = Arc::clone(tokenizer);
                Cut::Pieces(Arc::new(move |text, emit| tokenizer.training_pieces(text, emit)))
            }
        };
        Self { by_line, cut }
    }

    pub(super) fn is_spelled(&self) -> bool {
        matches!(self.cut, Cut::ByteLevel { .. })
    }

    /// Where, at or after `from` bytes, a text can be cut in two without changing its words: behind a line end, or
    /// between a letter and white space, where every pattern ends a word, whatever follows.
    pub(super) fn safe_cut(&self, bytes: &[u8], from: usize) -> Option<usize> {
        if self.by_line {
            return (from..bytes.len()).find(|&at| bytes[at - 1] == b'\n');
        }
        let Cut::ByteLevel { family: Some(_), .. } = self.cut else { return None };
        (from..bytes.len())
            .find(|&at| bytes[at - 1].is_ascii_alphabetic() && matches!(bytes[at], b' ' | b'\n'))
    }

    /// Count the words of a sequence, or of a part of one; `first` if it is the first part.
    pub(super) fn count(
        &self,
        text: &str,
        first: bool,
        table: &mut CountTable,
        cancel: &Cancel,
    ) -> Result<(), TrainError> {
        match &self.cut {
            Cut::ByteLevel { add_prefix_space, family } => {
                if *add_prefix_space && first && !text.is_empty() && !text.starts_with(' ') {
                    count_bytes(&[" ", text].concat(), *family, table, cancel)?;
                } else {
                    count_bytes(text, *family, table, cancel)?;
                }
            }
            Cut::Pieces(pieces) => pieces(text, &mut |piece| table.count(piece.as_bytes(), 0, piece.len()))?,
        }
        Ok(())
    }
}

fn count_bytes(
    text: &str,
    family: Option<Family>,
    table: &mut CountTable,
    cancel: &Cancel,
) -> Result<(), TrainError> {
    let bytes = text.as_bytes();
    let Some(family) = family else {
        table.count(bytes, 0, bytes.len());
        return Ok(());
    };
    // The scanner counts bytes in 32 bits.
    let (what, found, limit) = ("bytes of text without white space", bytes.len(), u32::MAX as usize - 64);
    if found > limit {
        return Err(TrainError::Limit { what, found, limit });
    }
    let mut start = 0;
    starts(text, family, |found| {
        for &end in found {
            // Nothing is before the first start, and the table counts no empty word.
            table.count(bytes, start, end as usize);
            start = end as usize;
        }
        cancel.check()
    })?;
    table.count(bytes, start, bytes.len());
    Ok(())
}
