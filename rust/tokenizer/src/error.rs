use std::path::PathBuf;

use ferrolm_base::{Cancelled, FileError};

/// What can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    #[error(transparent)]
    File(#[from] FileError),
    /// A tokenizer file whose content is not what it should be; `place` is a JSON path or a line.
    #[error("{source_name}: {place}: {message}")]
    InvalidFile { source_name: String, place: String, message: String },
    /// A part of the tokenizer.json format that this version does not know.
    #[error("{source_name}: {place}: type {found:?} is not supported; supported: {supported}")]
    Unsupported { source_name: String, place: String, found: String, supported: &'static str },
    #[error("{argument}: {message}")]
    InvalidArgument { argument: &'static str, message: String },
    /// Text with bytes that are not UTF-8.
    #[error("{argument}: invalid UTF-8 at byte {position}")]
    InvalidEncoding { argument: String, position: usize },
    #[error("no tokenizer in {}: expected tokenizer.json, or vocab.json with merges.txt", .0.display())]
    NoTokenizer(PathBuf),
    #[error("token {0} is not in the vocabulary")]
    UnknownToken(u32),
    /// Unigram has no unknown token where it needs one; the words are those of `tokenizers`.
    #[error("Encountered an unknown token but `unk_id` is missing")]
    MissingUnknownPiece,
    #[error("{what}: {found} is beyond the limit of {limit}")]
    Limit { what: &'static str, found: usize, limit: usize },
    /// A part of the user's own failed.
    #[error(transparent)]
    Custom(Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

pub type Result<T> = std::result::Result<T, TokenizerError>;

impl TokenizerError {
    pub(crate) fn argument(argument: &'static str, message: impl Into<String>) -> Self {
        Self::InvalidArgument { argument, message: message.into() }
    }

    /// An error at `place` of a file whose name the caller adds by [`named`](Self::named).
    pub(crate) fn at(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidFile {
            source_name: "tokenizer.json".into(),
            place: place.into(),
            message: message.into(),
        }
    }

    pub(crate) fn unsupported(
        place: impl Into<String>,
        found: impl Into<String>,
        supported: &'static str,
    ) -> Self {
        let source_name = "tokenizer.json".into();
        Self::Unsupported { source_name, place: place.into(), found: found.into(), supported }
    }

    /// The same error, naming the file that was read.
    pub(crate) fn named(mut self, name: &str) -> Self {
        if let Self::InvalidFile { source_name, .. } | Self::Unsupported { source_name, .. } = &mut self {
            name.clone_into(source_name);
        }
        self
    }
}
