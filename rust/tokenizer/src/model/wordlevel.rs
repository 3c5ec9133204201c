//! A word is a token, or unknown.

use crate::error::{Result, TokenizerError};
use crate::model::vocabulary::Vocabulary;

/// A vocabulary of whole pieces.
#[derive(Debug, Clone)]
pub struct WordLevel {
    vocabulary: Vocabulary,
    unk_token: String,
    unk_id: Option<u32>,
}

impl WordLevel {
    /// The default `unk_token` of the format.
    pub const UNK_TOKEN: &str = "<unk>";

    pub fn new(vocabulary: Vocabulary, unk_token: String) -> Self {
        Self { unk_id: vocabulary.id(&unk_token), vocabulary, unk_token }
    }

    /// The same vocabulary with another unknown token.
    #[must_use]
    pub fn with_unk_token(self, unk_token: String) -> Self {
        Self::new(self.vocabulary, unk_token)
    }

    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// What stands for words that are not in the vocabulary.
    pub fn unk_token(&self) -> &str {
        &self.unk_token
    }

    /// The token of a word.
    ///
    /// # Errors
    /// An unknown word when the unknown token is not in the vocabulary.
    #[inline]
    pub fn id(&self, word: &str) -> Result<u32> {
        self.vocabulary.id(word).or(self.unk_id).ok_or_else(|| missing_unk(&self.unk_token))
    }
}

/// The error of a text that needs the unknown token where there is none.
#[cold]
pub(super) fn missing_unk(token: &str) -> TokenizerError {
    let message = format!("unk_token {token:?} is not in the vocabulary, but text is unknown");
    TokenizerError::argument("model", message)
}
