//! Decoders: what turns tokens back into text.
//!
//! [`Decoder::decode_chain`] defines every decoder on a list of tokens. `table` has what of a decoder can be worked
//! out for each token of a vocabulary beforehand; it is equal and tested to be.

mod byte_fallback;
mod byte_level;
mod cache;
mod characters;
mod custom;
#[cfg(test)]
mod equality;
mod output;
mod shape;
mod stream;
mod table;
mod window;
mod words;

pub(crate) use byte_level::{lossy, push_bytes};
pub(crate) use cache::DecodeCache;
pub use characters::{Metaspace, PrependScheme, Strip};
pub use custom::{Custom, CustomDecoder};
pub use stream::DecodeStream;
pub use words::{BpeDecoder, Ctc, WordPiece};

use crate::error::Result;
use crate::normalizer::Replace;
use crate::pre_tokenizer::ByteLevel;

/// The decoder of a tokenizer.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoder {
    Bpe(BpeDecoder),
    /// Characters that stand for bytes back to bytes; the settings are kept for the file and have no effect.
    ByteLevel(ByteLevel),
    /// Neighbouring tokens `<0xNN>` become the text that their bytes spell.
    ByteFallback,
    Ctc(Ctc),
    /// All tokens become one.
    Fuse,
    Metaspace(Metaspace),
    /// The normalizer of this name on every token.
    Replace(Replace),
    /// One after the other.
    Sequence(Vec<Decoder>),
    Strip(Strip),
    WordPiece(WordPiece),
    /// One of the user's own.
    Custom(Custom),
}

impl Decoder {
    /// What `tokens` become: pieces of text that only have to be joined.
    ///
    /// # Errors
    /// A pattern that gives up, or a failure of a custom decoder.
    pub fn decode_chain(&self, mut tokens: Vec<String>) -> Result<Vec<String>> {
        match self {
            Self::Bpe(bpe) => bpe.decode(&mut tokens),
            Self::ByteLevel(_) => return Ok(vec![byte_level::decode(&tokens)]),
            Self::ByteFallback => return Ok(byte_fallback::decode(tokens)),
            Self::Ctc(ctc) => return Ok(ctc.decode(tokens)),
            Self::Fuse => return Ok(vec![tokens.concat()]),
            Self::Metaspace(metaspace) => metaspace.decode(&mut tokens),
            Self::Replace(replace) => {
                return tokens.iter().map(|token| Ok(replace.plain(token)?.into_owned())).collect();
            }
            Self::Sequence(decoders) => {
                return decoders.iter().try_fold(tokens, |tokens, one| one.decode_chain(tokens));
            }
            Self::Strip(strip) => tokens.iter_mut().for_each(|token| strip.strip(token)),
            Self::WordPiece(word_piece) => word_piece.decode(&mut tokens),
            Self::Custom(custom) => return custom.0.decode_chain(tokens),
        }
        Ok(tokens)
    }

    /// The text that `tokens` spell.
    ///
    /// ```
    /// use ferrolm_tokenizer::decoder::{Decoder, WordPiece};
    ///
    /// let tokens = ["he", "##llo", "!"].map(String::from).to_vec();
    /// assert_eq!(Decoder::WordPiece(WordPiece::default()).decode(tokens).unwrap(), "hello!");
    /// ```
    pub fn decode(&self, tokens: Vec<String>) -> Result<String> {
        Ok(self.decode_chain(tokens)?.concat())
    }
}
