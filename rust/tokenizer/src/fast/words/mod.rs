//! The fast path of tokenizers whose text falls apart into words.
//!
//! Raw text is cut ([`cutter`]) where it is proven that what stands left of the cut has no influence on the ids of
//! what stands right of it, and the other way round. A piece that a worker's cache knows needs nothing else. One that
//! it does not know takes the way of the definition by itself: normalizer, pre-tokenizer, model.

mod batch;
mod cutter;
mod definition;
mod details;
mod engine;
mod isolated;
mod kept;
mod local;
mod places;
mod plain;
mod recognize;
mod sets;
mod spaced_bpe;
mod spaced_details;
#[cfg(test)]
mod tests;

pub(super) use batch::Spans;
pub(super) use cutter::{Walk, fill as fill_with};
pub(crate) use engine::WordEngine;
pub(super) use sets::{Find, Found, Portable, SETS, Sets};
