//! A tag for each word of a sentence: parts of speech, or entities as BIO.
//!
//! A structured averaged perceptron (Collins 2002): the words of a window and the tag before give scores to the tags of
//! a word, Viterbi finds the best sequence, and where that is wrong the weights are corrected by one.
//!
//! - [`Sentences`]: words of sentences in one buffer
//! - [`Trainer`]: learns epoch by epoch and gives a [`Tagger`] at any time
//! - [`Tagger`]: tags batches on the pool; its file is in `format.rs`
//! - `attributes.rs` what is seen of a word, `features.rs` which weights a place in a sentence adds up,
//!   `lattice.rs` Viterbi, `scheme.rs` which tags may follow each other, `learning.rs` weights with lazy averages

mod attributes;
mod error;
mod features;
mod format;
mod hash;
mod lattice;
mod learning;
mod scheme;
mod sentences;
mod table;
mod tagger;
mod trainer;

pub use error::TaggingError;
pub use scheme::Scheme;
pub use sentences::Sentences;
pub use tagger::Tagger;
pub use trainer::{Settings, Trainer};

/// More tags than any tag set has: a larger number means that the column is not one of tags.
pub const MAX_TAGS: usize = 4096;
