//! Padding: making the encodings of a batch equally long.

pub use crate::encoding::Direction;
use crate::encoding::Encoding;
use crate::error::{Result, TokenizerError};

/// How encodings are padded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Padding {
    /// To this length; none means to the longest of the batch.
    pub length: Option<usize>,
    /// Then up to a multiple of this.
    pub pad_to_multiple_of: Option<usize>,
    pub direction: Direction,
    pub pad_id: u32,
    pub pad_type_id: u32,
    pub pad_token: String,
}

impl Default for Padding {
    fn default() -> Self {
        Self {
            length: None,
            pad_to_multiple_of: None,
            direction: Direction::Right,
            pad_id: 0,
            pad_type_id: 0,
            pad_token: "[PAD]".into(),
        }
    }
}

impl Padding {
    /// No sequence is padded beyond this many tokens.
    pub const MAX_LENGTH: usize = 1 << 26;

    /// # Errors
    /// A multiple of 0, and lengths beyond [`Self::MAX_LENGTH`].
    pub fn check(&self) -> Result<()> {
        if self.pad_to_multiple_of == Some(0) {
            return Err(TokenizerError::argument(
                "pad_to_multiple_of",
                "0 has no multiples; expected 1 or more",
            ));
        }
        for (what, value) in
            [("padding length", self.length), ("pad_to_multiple_of", self.pad_to_multiple_of)]
        {
            if let Some(found) = value.filter(|&value| value > Self::MAX_LENGTH) {
                return Err(TokenizerError::Limit { what, found, limit: Self::MAX_LENGTH });
            }
        }
        Ok(())
    }

    /// The length to pad to, given the longest of the batch.
    pub fn target(&self, longest: usize) -> usize {
        let length = self.length.unwrap_or(longest);
        length.next_multiple_of(self.pad_to_multiple_of.unwrap_or(1).max(1))
    }

    pub fn apply(&self, encodings: &mut [Encoding]) -> Result<()> {
        let target = self.target(encodings.iter().map(Encoding::len).max().unwrap_or(0));
        encodings.iter_mut().try_for_each(|encoding| encoding.pad(target, self))
    }
}
