//! Texts that were there before: the same ones, and nearly the same ones.
//!
//! - [`SeenTexts`]: the same text up to case and white space, by a hash of 128 bits
//! - [`NearDuplicates`]: sets of word n-grams that are similar, by sketches and locality-sensitive hashing
//! - [`Sketcher`]: the sketch of a text

mod exact;
mod near;
mod sketch;
mod state;

use std::path::PathBuf;

use ferrolm_base::{Cancelled, FileError};

pub use exact::{SeenTexts, Unit};
pub use near::{NearDuplicates, Similarity};
pub use sketch::{Sketch, Sketcher};

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DuplicatesError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A file that is not a state of this kind, or a damaged one.
    #[error("{}: {reason}", path.display())]
    InvalidFile { path: PathBuf, reason: String },
    /// An argument has a value that the call cannot use; the message names it.
    #[error("{0}")]
    InvalidArgument(String),
    /// More texts than numbers for them.
    #[error("there are {0} texts already, the limit of one set")]
    TooMany(usize),
}
