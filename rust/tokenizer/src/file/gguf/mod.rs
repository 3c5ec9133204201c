//! The tokenizer inside a GGUF file: the `tokenizer.ggml.*` keys, as a tokenizer.json would say it.
//!
//! Models `gpt2` (byte-level BPE, its pattern by the name in `tokenizer.ggml.pre`), `llama` (SentencePiece BPE), `t5`
//! (Unigram) and `bert` (WordPiece). Tensors are not read.

mod metadata;
mod pipeline;

use std::io::{BufReader, Read};
use std::path::Path;

use ferrolm_base::read;

use crate::error::Result;
use crate::tokenizer::Tokenizer;

use metadata::Metadata;

/// The tokenizer of a GGUF file.
pub fn from_gguf(path: &Path) -> Result<Tokenizer> {
    let file = read::open(path)?;
    let name = path.display().to_string();
    gguf_from_reader(BufReader::new(file), &name)
}

/// The tokenizer of the content of a GGUF file; errors name `source_name`.
pub fn gguf_from_reader(reader: impl Read, source_name: &str) -> Result<Tokenizer> {
    let metadata = Metadata::read(reader).map_err(|error| error.named(source_name))?;
    pipeline::tokenizer(&metadata, source_name)
}
