//! What a tokenizer does with text: encoding and decoding, one text or many.

mod batch;
mod byte_level;
mod columns;
mod cut;
mod decode;
mod detail;
pub mod documents;
mod encode;
mod general;
mod lazy;
mod place;
mod start;
mod training;
mod words;

use std::sync::Arc;

pub use batch::Ragged;
pub use encode::Input;
pub use lazy::{LazyEncoding, OwnedInput, Run};

use crate::decoder::DecodeCache;
use crate::fast::ByteEngine;
use crate::model::Model;
use crate::tokenizer::Tokenizer;
use words::Words;

/// What is worked out once from the parts of a tokenizer.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Set when the parts are those of byte-level BPE; otherwise the general path runs.
    engine: Option<Arc<ByteEngine>>,
    /// Set for other parts whose text has the same ids each time.
    words: Option<Arc<Words>>,
    decode: Arc<DecodeCache>,
}

impl Plan {
    /// Do now what the first text would wait for.
    pub(crate) fn prepare(&self) {
        if let Some(engine) = &self.engine {
            engine.prepare();
        }
    }

    pub(crate) fn new(tokenizer: &Tokenizer) -> Self {
        let family = tokenizer.pre_tokenizer().and_then(byte_level::family);
        let engine = match (tokenizer.model(), family) {
            (Model::Bpe(bpe), Some(family)) => ByteEngine::new(bpe, family),
            _ => None,
        };
        let words = if engine.is_none() { Words::new(tokenizer) } else { None };
        let decode = Arc::new(DecodeCache::new(tokenizer.decoder()));
        Self { engine: engine.map(Arc::new), words: words.map(Arc::new), decode }
    }
}
