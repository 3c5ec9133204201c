//! GPT-2's pre-tokenizer: an optional space in front, pieces by the GPT-2 pattern, bytes spelled as characters.

use std::ops::Range;

use crate::byte_level::BYTE_TO_CHAR;
use crate::error::Result;
use crate::pre_tokenized::PreTokenizedString;
use crate::split::gpt2;

/// Settings of `{"type": "ByteLevel"}`; also those of the post-processor and decoder of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteLevel {
    /// Put a space before text that does not start with one.
    pub add_prefix_space: bool,
    /// For the post-processor: leave the white space at the ends of a token out of its offsets.
    pub trim_offsets: bool,
    /// Cut by the GPT-2 pattern; otherwise all the text is one piece.
    pub use_regex: bool,
}

impl Default for ByteLevel {
    fn default() -> Self {
        Self { add_prefix_space: true, trim_offsets: true, use_regex: true }
    }
}

impl ByteLevel {
    /// Whether `text` gets a space in front.
    pub fn adds_space(&self, text: &str) -> bool {
        self.add_prefix_space && !text.is_empty() && !text.starts_with(' ')
    }

    /// The byte ranges of the pieces of `text`, to which the space is added already.
    pub fn pieces(&self, text: &str, mut emit: impl FnMut(Range<usize>)) {
        if self.use_regex {
            gpt2::split(text, emit);
        } else if !text.is_empty() {
            emit(0..text.len());
        }
    }

    pub(super) fn pre_tokenize(self, text: &mut PreTokenizedString) -> Result<()> {
        text.split(|_, mut text| {
            if self.adds_space(text.get()) {
                text.prepend(" ");
            }
            let mut pieces = Vec::new();
            self.pieces(text.get(), |range| pieces.push(text.slice(range)));
            Ok(pieces)
        })?;
        text.normalize(|text| {
            text.expand(|character| {
                let mut buffer = [0; 4];
                let length = character.encode_utf8(&mut buffer).len();
                buffer.into_iter().take(length).map(|byte| BYTE_TO_CHAR[usize::from(byte)])
            });
            Ok(())
        })
    }
}
