//! What of a decoder can be worked out for each token of a vocabulary beforehand.
//!
//! Many decoders change every token for itself, except that the first one may differ, before all are joined. Those that
//! look at neighbours (CTC), at the last token (BPE with a suffix) or are the user's own have no shape.

use std::slice;

use super::{Decoder, byte_fallback, byte_level};
use crate::error::Result;

/// How the pieces of text become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    Text,
    /// With a space between two: there is no decoder, and tokens are words.
    Words,
    /// Pieces are bytes, which need not be UTF-8.
    Bytes,
    /// Some pieces are a byte, and neighbouring bytes are text together.
    Fallback,
}

/// A decoder in three steps: each token, joining them, the whole text.
#[derive(Debug)]
pub(super) struct Shape {
    /// Decoders that make one token of each.
    each: Vec<Decoder>,
    pub join: Join,
    /// Decoders of the joined text.
    pub whole: Vec<Decoder>,
    /// The first token is not decoded like the others.
    pub first_differs: bool,
}

impl Shape {
    pub fn new(decoder: Option<&Decoder>) -> Option<Self> {
        let mut shape = Self { each: vec![], join: Join::Text, whole: vec![], first_differs: false };
        let Some(decoder) = decoder else { return Some(Self { join: Join::Words, ..shape }) };
        let mut steps = Vec::new();
        flatten(decoder, &mut steps);
        let mut joined = false;
        for step in steps {
            match step {
                Decoder::Fuse => joined = true,
                _ if joined => shape.whole.push(step.clone()),
                // Its runs of bytes are tokens of which nothing is known beforehand.
                _ if shape.join == Join::Fallback => return None,
                Decoder::ByteFallback => shape.join = Join::Fallback,
                Decoder::ByteLevel(_) => (shape.join, joined) = (Join::Bytes, true),
                Decoder::Metaspace(_) | Decoder::WordPiece(_) | Decoder::Replace(_) | Decoder::Strip(_) => {
                    shape.first_differs |= matches!(step, Decoder::Metaspace(_) | Decoder::WordPiece(_));
                    shape.each.push(step.clone());
                }
                Decoder::Bpe(_) | Decoder::Ctc(_) | Decoder::Custom(_) | Decoder::Sequence(_) => return None,
            }
        }
        Some(shape)
    }

    fn decode_each(&self, tokens: Vec<String>) -> Result<Vec<String>> {
        self.each.iter().try_fold(tokens, |tokens, decoder| decoder.decode_chain(tokens))
    }

    /// The pieces of `tokens` that come after others.
    pub fn later(&self, mut tokens: Vec<String>) -> Result<Vec<String>> {
        if self.each.is_empty() {
            return Ok(tokens);
        }
        tokens.insert(0, String::new());
        let mut pieces = self.decode_each(tokens)?;
        pieces.remove(0);
        Ok(pieces)
    }

    /// The piece of one token.
    pub fn piece(&self, token: &str, is_first: bool) -> Result<String> {
        if self.each.is_empty() {
            return Ok(token.to_owned());
        }
        let tokens = if is_first { vec![token.to_owned()] } else { vec![String::new(), token.to_owned()] };
        Ok(self.decode_each(tokens)?.pop().unwrap_or_default())
    }

    /// The bytes of a piece, and whether they are a byte of text that others complete.
    pub fn bytes<'a>(&self, piece: &'a str, scratch: &'a mut Vec<u8>) -> (&'a [u8], bool) {
        scratch.clear();
        match self.join {
            Join::Bytes => byte_level::push_bytes(piece, scratch),
            Join::Fallback => match byte_fallback::byte_of(piece) {
                Some(byte) => {
                    scratch.push(byte);
                    return (scratch, true);
                }
                None => return (piece.as_bytes(), false),
            },
            Join::Text | Join::Words => return (piece.as_bytes(), false),
        }
        (scratch, false)
    }

    /// The decoders of the whole text put to work.
    pub fn finish(&self, text: String) -> Result<String> {
        if self.whole.is_empty() {
            return Ok(text);
        }
        let tokens = vec![text];
        let tokens = self.whole.iter().try_fold(tokens, |tokens, decoder| decoder.decode_chain(tokens))?;
        Ok(tokens.concat())
    }
}

fn flatten<'a>(decoder: &'a Decoder, steps: &mut Vec<&'a Decoder>) {
    match decoder {
        Decoder::Sequence(decoders) => decoders.iter().for_each(|one| flatten(one, steps)),
        other => steps.extend(slice::from_ref(other)),
    }
}
