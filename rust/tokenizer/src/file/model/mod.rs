//! The model section: the one large part, read straight from the text without values in between.

mod read;
mod vocab;
mod write;

pub(super) use read::ModelRead;
pub use write::merge_texts;
pub(super) use write::{ModelWrite, VocabWrite, write};
