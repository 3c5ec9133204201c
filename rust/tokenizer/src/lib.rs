//! Text to ids and back: byte-level BPE as `tokenizer.json` files describe it.
//!
//! A [`Tokenizer`] is made by [`file::from_file`] and has these parts, one module each:
//! - [`added`]: tokens matched in text before anything else
//! - [`normalizer`]: changing text, [`normalized`]: text that was changed
//! - [`pre_tokenizer`] and [`split`]: cutting text into pieces, [`pattern`]: at what, [`pre_tokenized`]: the pieces
//! - [`model`]: pieces to tokens
//! - [`post_processor`], [`truncation`], [`padding`]: from tokens of sequences to model inputs
//! - [`decoder`]: tokens to text
//! - [`ranks`]: vocabularies as tiktoken has them
//! - [`train`]: learning a vocabulary from text
//!
//! [`pipeline`] puts them to work; for byte-level BPE it takes the fast path of `fast`, which is equal to the
//! general one and tested to be.

pub mod added;
pub mod byte_level;
pub mod decoder;
pub mod encoding;
mod error;
mod fast;
pub mod file;
pub mod model;
pub mod normalized;
pub mod normalizer;
pub mod padding;
pub mod pattern;
pub mod pipeline;
pub mod post_processor;
pub mod pre_tokenized;
pub mod pre_tokenizer;
pub mod ranks;
pub mod split;
pub mod tokenizer;
pub mod train;
pub mod truncation;
pub mod unicode;

pub use added::AddedToken;
pub use encoding::Encoding;
pub use error::{Result, TokenizerError};
pub use padding::Padding;
pub use pipeline::{Input, LazyEncoding, Ragged, Run};
pub use tokenizer::Tokenizer;
pub use truncation::Truncation;
