//! Normalizers: what changes text before it is cut into pieces.

use crate::error::Result;
use crate::normalized::NormalizedString;

/// The normalizer of a tokenizer.
#[derive(Debug, Clone, PartialEq)]
pub enum Normalizer {
    /// One after the other.
    Sequence(Vec<Normalizer>),
}

impl Normalizer {
    /// Change `text` in place, keeping track of where every byte comes from.
    pub fn normalize(&self, text: &mut NormalizedString) -> Result<()> {
        match self {
            Self::Sequence(parts) => parts.iter().try_for_each(|part| part.normalize(text)),
        }
    }
}
