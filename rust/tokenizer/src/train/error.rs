use ferrolm_base::{Cancelled, FileError};

use crate::error::TokenizerError;

/// Why no vocabulary was learnt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    #[error("there is no text to learn a vocabulary from")]
    EmptyCorpus,
    #[error("vocab_size is {found}, expected at most 2147483647")]
    VocabularySize { found: usize },
    #[error(
        "vocab_size is {found}, too small: the text and initial_alphabet have {needed} different characters"
    )]
    VocabularyTooSmall { found: usize, needed: usize },
    #[error("vocab_size is {found}, too small for the {needed} special tokens")]
    TooManySpecialTokens { found: usize, needed: usize },
    #[error("{argument} is {found}, expected {expected}")]
    Option { argument: &'static str, found: String, expected: &'static str },
    #[error("{what}: {found} is beyond the limit of {limit}")]
    Limit { what: &'static str, found: usize, limit: usize },
    #[error("{file}: invalid UTF-8 at byte {position}")]
    InvalidEncoding { file: String, position: usize },
    /// A text that the normalizer or the pre-tokenizer refused.
    #[error(transparent)]
    Text(#[from] TokenizerError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
