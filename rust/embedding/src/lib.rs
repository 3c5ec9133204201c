//! Word vectors: from sentences to ids, from ids to vectors, and the files that others read them from.
//!
//! - [`Corpus`]: sentences as ids of the words that occur often enough
//! - [`train`]: skip-gram and CBOW with negative sampling (Mikolov et al. 2013)
//! - [`format`]: the text and binary files of word2vec

mod arch;
mod corpus;
mod error;
pub mod format;
mod matrix;
mod random;
mod sampling;
mod word2vec;

pub use corpus::{Corpus, CorpusBuilder};
pub use error::EmbeddingError;
pub use word2vec::{Architecture, Settings, train};
