//! From sequences of text to words.

use std::fmt;
use std::sync::Arc;

use ferrolm_base::{Cancel, Cancelled};

use super::super::TrainError;
use super::table::CountTable;
use crate::error;
use crate::fast::scan::{BATCH, Scanner};
use crate::pre_tokenizer::PreTokenizer;
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
        /// Cut by the GPT-2 pattern; otherwise a sequence is one word.
        split: bool,
    },
    /// Any normalizer and pre-tokenizer.
    Pieces(Arc<Pieces>),
}

impl Default for Sequences {
    fn default() -> Self {
        Self { by_line: false, cut: Cut::ByteLevel { add_prefix_space: false, split: true } }
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
            Some(PreTokenizer::ByteLevel(settings)) if plain => {
                Cut::ByteLevel { add_prefix_space: settings.add_prefix_space, split: settings.use_regex }
            }
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
    /// between a letter and white space, where the GPT-2 pattern always ends a word, whatever follows.
    pub(super) fn safe_cut(&self, bytes: &[u8], from: usize) -> Option<usize> {
        if self.by_line {
            return (from..bytes.len()).find(|&at| bytes[at - 1] == b'\n');
        }
        let Cut::ByteLevel { split: true, .. } = self.cut else { return None };
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
            Cut::ByteLevel { add_prefix_space, split } => {
                if *add_prefix_space && first && !text.is_empty() && !text.starts_with(' ') {
                    count_bytes(&[" ", text].concat(), *split, table, cancel)?;
                } else {
                    count_bytes(text, *split, table, cancel)?;
                }
            }
            Cut::Pieces(pieces) => pieces(text, &mut |piece| table.count(piece.as_bytes(), 0, piece.len()))?,
        }
        Ok(())
    }
}

fn count_bytes(text: &str, split: bool, table: &mut CountTable, cancel: &Cancel) -> Result<(), Cancelled> {
    let bytes = text.as_bytes();
    if !split {
        table.count(bytes, 0, bytes.len());
        return Ok(());
    }
    if u32::try_from(bytes.len()).is_err() {
        // Beyond what the scanner counts in.
        crate::split::gpt2::split(text, |range| table.count(bytes, range.start, range.end));
        return Ok(());
    }
    let mut scanner = Scanner::with_best(text);
    let mut starts = [0; BATCH];
    let mut start = 0;
    loop {
        let found = scanner.fill(&mut starts);
        for &end in &starts[..found] {
            // Nothing is before the first start, and the table counts no empty word.
            table.count(bytes, start, end as usize);
            start = end as usize;
        }
        if found == 0 {
            break;
        }
        cancel.check()?;
    }
    table.count(bytes, start, bytes.len());
    Ok(())
}
