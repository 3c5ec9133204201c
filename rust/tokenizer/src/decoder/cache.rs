//! What decoding with a tokenizer works out once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Decoder;
use super::shape::{Join, Shape};
use super::table::Table;
use super::window::Window;
use crate::error::Result;
use crate::tokenizer::Tokenizer;

/// Making the table takes as long as decoding a sixteenth as many ids without it.
const IDS_PER_DECODED: usize = 16;

/// Vocabularies with more ids than this for each of their tokens get no table: it would be empty for the most part.
const MAX_IDS_PER_TOKEN: usize = 16;

/// What is worked out once for decoding with a tokenizer.
#[derive(Debug)]
pub(crate) struct DecodeCache {
    /// None if the decoder has to see all tokens of a text.
    pub(super) shape: Option<Shape>,
    /// Made when it pays: with few ids, decoding them is less work.
    table: OnceLock<Option<Table>>,
    decoded: AtomicUsize,
}

impl DecodeCache {
    pub fn new(decoder: Option<&Decoder>) -> Self {
        Self { shape: Shape::new(decoder), table: OnceLock::new(), decoded: AtomicUsize::new(0) }
    }

    /// What of the decoder can be worked out for each token beforehand.
    pub fn has_shape(&self) -> bool {
        self.shape.is_some()
    }

    /// The table, if decoding `count` ids more makes it worth its making.
    pub(super) fn table(&self, tokenizer: &Tokenizer, shape: &Shape, count: usize) -> Option<&Table> {
        if let Some(table) = self.table.get() {
            return table.as_ref();
        }
        let decoded = self.decoded.fetch_add(count, Ordering::Relaxed) + count;
        if decoded < tokenizer.id_bound() / IDS_PER_DECODED {
            return None;
        }
        let table = || {
            let dense = tokenizer.id_bound() / MAX_IDS_PER_TOKEN <= tokenizer.vocab_size(true);
            // Where a token cannot be decoded alone, texts report it.
            dense.then(|| Table::new(tokenizer, shape).ok()).flatten()
        };
        self.table.get_or_init(table).as_ref()
    }

    /// The bytes that `ids` become before the decoders of the whole text, by the table if there is one.
    ///
    /// They need not be UTF-8 if the decoder is byte-level.
    pub fn joined(
        &self,
        tokenizer: &Tokenizer,
        ids: &[u32],
        skip_special_tokens: bool,
    ) -> Result<Option<Vec<u8>>> {
        let Some(shape) = &self.shape else { return Ok(None) };
        let Some(table) = self.table(tokenizer, shape, ids.len()) else { return Ok(None) };
        if !shape.first_differs && shape.join != Join::Words {
            return Ok(Some(table.join((&[], false), ids, shape.join, skip_special_tokens)));
        }
        let Some(at) = ids.iter().position(|&id| table.get(id, skip_special_tokens).is_some()) else {
            return Ok(Some(Vec::new()));
        };
        let first = shape.piece(tokenizer.id_to_token(ids[at]).unwrap_or_default(), true)?;
        let mut scratch = Vec::new();
        let first = shape.bytes(&first, &mut scratch);
        Ok(Some(table.join(first, &ids[at + 1..], shape.join, skip_special_tokens)))
    }

    /// What the decoders of the whole text make of what [`joined`](Self::joined) gives.
    pub fn finish(&self, text: String) -> Result<String> {
        match &self.shape {
            Some(shape) => shape.finish(text),
            None => Ok(text),
        }
    }

    /// An empty text that can be followed while it grows; none if only all tokens tell what it is.
    pub(super) fn window(&self) -> Option<Window> {
        self.shape.as_ref().and_then(Window::new)
    }

    /// Add the piece of `id` to a text that grows.
    pub(super) fn push_to(
        &self,
        window: &mut Window,
        tokenizer: &Tokenizer,
        id: u32,
        skip_special_tokens: bool,
    ) -> Result<()> {
        let Some(shape) = &self.shape else { return Ok(()) };
        let is_first = !window.is_begun();
        if !(is_first && shape.first_differs)
            && let Some(table) = self.table(tokenizer, shape, 1)
        {
            if let Some((bytes, is_byte)) = table.get(id, skip_special_tokens) {
                window.push(bytes, is_byte);
            }
            return Ok(());
        }
        let Some(token) = tokenizer.decoded_token(id, skip_special_tokens) else { return Ok(()) };
        let piece = shape.piece(token, is_first)?;
        let mut scratch = Vec::new();
        let (bytes, is_byte) = shape.bytes(&piece, &mut scratch);
        window.push(bytes, is_byte);
        Ok(())
    }
}
