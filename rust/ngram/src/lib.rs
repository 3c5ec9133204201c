//! N-grams: counts, language models, scores. Pure Rust; the Python side is `ferrolm.ngram`.
//!
//! - [`text`], [`Corpus`]: sentences of words or ids as one array of numbers
//! - [`sort`]: all n-grams of all orders by one sort
//! - [`estimate`]: from counts to a model, by [`kneser_ney`] (as KenLM's `lmplz`), [`witten_bell`], [`absolute`],
//!   [`add_k`] or [`stupid_backoff`]; [`external`]: the same in files, for what does not fit into memory
//! - [`Model`]: the language model and its scores
//! - [`interpolate`], [`tune`]: several models in one, and the weights for it
//! - [`cache`]: a model that remembers the last words of a document
//! - [`matrix`]: documents by n-grams
//! - [`skip_grams`], [`cooccurrence`]: words that are near each other
//! - [`PromptLookup`]: guesses for speculative decoding
//! - [`overlap`]: what test examples and training documents share, and passages that repeat

pub mod absolute;
pub mod add_k;
pub mod arpa;
mod arpa_reader;
mod arpa_tables;
mod arrays;
pub mod cache;
mod compact;
pub mod cooccurrence;
mod corpus;
mod count;
mod counts_file;
mod documents;
mod drafts;
mod error;
pub mod estimate;
pub mod external;
pub mod flm;
mod hashed;
pub mod interpolate;
pub mod kneser_ney;
mod layout;
#[cfg(test)]
mod layout_tests;
mod levels;
mod lexicon;
mod load;
pub mod matrix;
mod model;
mod moments;
mod options;
pub mod overlap;
mod parts;
mod paths;
mod prune;
mod query;
mod runs;
mod skip_grams;
mod smoothing;
mod sort;
pub mod stupid_backoff;
pub mod text;
pub mod train;
pub mod tune;
mod union;
mod unsafe_array;
mod unsafe_memory;
mod view;
mod vocabulary;
mod waves;
pub mod witten_bell;
mod words;

pub use corpus::{Corpus, MAX_TOKENS, Markers, check_offsets};
pub use count::{Counts, MAX_COUNT_ORDER, OrderCounts, check_orders};
pub use drafts::PromptLookup;
pub use error::{NgramError, Result};
pub use load::{load, read_arpa};
pub use model::{Gram, Model, Node, Score, State};
pub use options::{MAX_ORDER, Options, OrderReport, Smoothing};
pub use query::{Ends, Total};
pub use skip_grams::{MAX_SKIP_ORDER, skip_grams};
pub use sort::{Sorted, sort};
pub use text::Text;
pub use unsafe_array::{Array, Plain};
pub use vocabulary::Vocabulary;
pub use words::WordTable;
