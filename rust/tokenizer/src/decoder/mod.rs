//! Decoders: what turns tokens back into text.

mod byte_level;
mod stream;

pub use stream::DecodeStream;

/// The decoder of a tokenizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoder {
    ByteLevel,
}

impl Decoder {
    /// The text that `tokens` spell.
    pub fn decode<'a>(&self, tokens: impl Iterator<Item = &'a str>) -> String {
        match self {
            Self::ByteLevel => byte_level::decode(tokens),
        }
    }
}

pub(crate) use byte_level::push_bytes;
