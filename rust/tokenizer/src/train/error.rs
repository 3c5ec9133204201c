use ferrolm_base::{Cancelled, FileError};

/// Why no vocabulary was learnt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    #[error("there is no text to learn a vocabulary from")]
    EmptyCorpus,
    #[error("vocab_size is {found}, expected at most 4294967295")]
    VocabularySize { found: usize },
    #[error("{file}: invalid UTF-8 at byte {position}")]
    InvalidEncoding { file: String, position: usize },
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
