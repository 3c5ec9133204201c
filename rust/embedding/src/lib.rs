//! Word vectors: from sentences to ids, from ids to vectors, and the files that others read them from.
//!
//! - [`Corpus`]: sentences as ids of the words that occur often enough, from [`CorpusBuilder`] or [`read_text_file`]
//! - [`Model`]: skip-gram and CBOW (Mikolov et al. 2013), with subwords (Bojanowski et al. 2017) or without
//! - [`cooccurrence`] and [`glove`]: counts of pairs of words, and vectors from them (Pennington et al. 2014)
//! - [`search`]: the nearest vectors; [`compressed`]: one query's, at an eighth of the memory's traffic
//! - [`PhraseCounts`]: words that are more often together than by chance
//! - [`format`]: the text and binary files of word2vec

mod arch;
pub mod compressed;
pub mod cooccurrence;
mod corpus;
mod error;
pub mod format;
pub mod glove;
mod huffman;
mod model;
mod model_file;
#[cfg(test)]
mod model_tests;
mod phrases;
mod plan;
mod random;
mod sampling;
pub mod search;
mod settings;
mod subword;
mod text_file;
mod train;
mod unsafe_matrix;
mod unsafe_spool;
mod vocabulary;
mod words;

pub use corpus::{Corpus, CorpusBuilder};
pub use error::EmbeddingError;
pub use model::Model;
pub use phrases::{PhraseCounts, PhraseTable, Scoring};
pub use settings::{Architecture, Pass, Settings};
pub use subword::SubwordSettings;
pub use text_file::read_text_file;
pub use train::Trained;
pub use vocabulary::Selection;
