//! Word vectors: from sentences to ids, from ids to vectors, and the files that others read them from.
//!
//! - [`Corpus`]: sentences as ids of the words that occur often enough
//! - [`train`]: skip-gram and CBOW with negative sampling (Mikolov et al. 2013)
//! - [`cooccurrence`] and [`glove`]: counts of pairs of words, and vectors from them (Pennington et al. 2014)
//! - [`search`]: the nearest vectors
//! - [`format`]: the text and binary files of word2vec

mod arch;
pub mod cooccurrence;
mod corpus;
mod error;
pub mod format;
pub mod glove;
mod matrix;
mod random;
mod sampling;
pub mod search;
mod word2vec;

pub use corpus::{Corpus, CorpusBuilder};
pub use error::EmbeddingError;
pub use word2vec::{Architecture, Settings, train};
