//! N-grams: counts, Kneser-Ney language models, scores. Pure Rust; the Python side is `ferrolm.ngram`.
//!
//! - [`text`], [`Corpus`]: sentences of words or ids as one array of numbers
//! - [`sort`]: all n-grams of all orders by one sort
//! - [`kneser_ney`]: modified Kneser-Ney estimation, as KenLM's `lmplz`
//! - [`Model`]: the language model and its scores
//! - [`matrix`]: documents by n-grams
//! - [`skip_grams`], [`cooccurrence`]: words that are near each other
//! - [`PromptLookup`]: guesses for speculative decoding
//! - [`overlap`]: what test examples and training documents share, and passages that repeat

pub mod arpa;
mod arpa_tables;
pub mod cooccurrence;
mod corpus;
mod count;
mod counts_file;
mod documents;
mod drafts;
mod error;
pub mod flm;
pub mod kneser_ney;
mod lanes;
mod levels;
mod load;
pub mod matrix;
mod model;
pub mod overlap;
mod paths;
mod prune;
mod query;
mod runs;
mod skip_grams;
mod sort;
pub mod text;
pub mod train;
mod unsafe_array;
mod unsafe_memory;
mod vocabulary;
mod words;

pub use corpus::{Corpus, MAX_TOKENS, Markers, check_offsets};
pub use count::{Counts, MAX_COUNT_ORDER, OrderCounts, check_orders};
pub use drafts::PromptLookup;
pub use error::{NgramError, Result};
pub use load::load;
pub use model::{Gram, Model, Node, Score, State};
pub use query::{Ends, Total};
pub use skip_grams::{MAX_SKIP_ORDER, skip_grams};
pub use sort::{Sorted, sort};
pub use vocabulary::Vocabulary;
pub use words::WordTable;
