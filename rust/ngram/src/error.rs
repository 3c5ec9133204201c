use std::path::{Path, PathBuf};

use ferrolm_base::{Cancelled, FileError};

/// What can go wrong when counting, estimating, loading or querying.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NgramError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The content of a file is not what its format demands.
    #[error("{}: {reason}", path.display())]
    InvalidFile { path: PathBuf, reason: String },
    /// An argument has a value that the call cannot use; the message names it.
    #[error("{0}")]
    InvalidArgument(String),
    /// Text that is not valid UTF-8.
    #[error("{0}")]
    InvalidEncoding(String),
    /// Input beyond a documented limit.
    #[error("{0}")]
    Limit(String),
}

pub type Result<T> = std::result::Result<T, NgramError>;

impl NgramError {
    pub(crate) fn file(path: &Path, reason: impl Into<String>) -> Self {
        Self::InvalidFile { path: path.to_owned(), reason: reason.into() }
    }
}
