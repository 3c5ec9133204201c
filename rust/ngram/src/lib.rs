//! N-grams: counts, Kneser-Ney language models, scores. Pure Rust; the Python side is `ferrolm.ngram`.
//!
//! - [`text`], [`Corpus`]: sentences of words or ids as one array of numbers
//! - [`sort`]: all n-grams of all orders by one sort
//! - [`external`]: counting and estimation of what does not fit into memory
//! - [`kneser_ney`]: modified Kneser-Ney estimation, as KenLM's `lmplz`
//! - [`Model`]: the language model and its scores

pub mod arpa;
mod arpa_tables;
mod corpus;
mod count;
mod counts_file;
mod error;
pub mod external;
pub mod flm;
pub mod kneser_ney;
mod lanes;
mod levels;
mod load;
mod model;
mod parts;
mod paths;
mod prune;
mod query;
mod sort;
pub mod text;
pub mod train;
mod unsafe_array;
mod unsafe_memory;
mod vocabulary;
mod words;

pub use corpus::{Corpus, MAX_TOKENS, Markers, check_offsets};
pub use count::{Counts, MAX_COUNT_ORDER, OrderCounts, check_orders};
pub use error::{NgramError, Result};
pub use load::load;
pub use model::{Gram, Model, Node, Score, State};
pub use query::{Ends, Total};
pub use sort::{Sorted, sort};
pub use text::Text;
pub use unsafe_array::{Array, Plain};
pub use vocabulary::Vocabulary;
pub use words::WordTable;
