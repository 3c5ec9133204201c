//! The fast path of byte-level BPE: from the bytes of text straight to ids.
//!
//! Equal to the general path (pre-tokenizer, spelling in byte characters, [`Bpe`](crate::model::Bpe)) by
//! construction of the byte alphabet, and by test.

mod arch;
mod cache;
mod caches;
mod engine;
mod merge;
mod pairs;
mod prepared;
mod reach;
mod scan;
mod seams;
mod tokens;
mod unseen;
mod word;
mod words;

pub(crate) use engine::ByteEngine;
pub(crate) use scan::starts;
pub(crate) use words::WordEngine;
