//! Tokens added on top of the model's vocabulary, and finding them in text.

mod vocabulary;

pub use vocabulary::{AddedVocabulary, Segment};

/// A token that is matched in text before the model sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of the format")]
pub struct AddedToken {
    pub content: String,
    /// Match only where no word character (`\w`) touches the token.
    pub single_word: bool,
    /// Take the white space on the left too.
    pub lstrip: bool,
    /// Take the white space on the right too.
    pub rstrip: bool,
    /// Match in the normalized text rather than in the original.
    pub normalized: bool,
    /// Leave out when decoding without special tokens.
    pub special: bool,
}

impl AddedToken {
    /// A token with the defaults of the format: special tokens are not normalized.
    pub fn new(content: impl Into<String>, special: bool) -> Self {
        Self {
            content: content.into(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: !special,
            special,
        }
    }
}
