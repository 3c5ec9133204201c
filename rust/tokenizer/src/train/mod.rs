//! Learning a vocabulary from text.
//!
//! Text is cut into words and these are counted ([`WordCounts`], in parallel); all else is done with the different
//! [`Words`]: [`train_bpe`] (also for WordPiece, whose vocabulary is that of BPE with a prefix), [`train_unigram`],
//! [`train_word_level`]. Results are those of `tokenizers`, and the same for any number of threads.

mod bpe;
mod error;
mod hash;
mod models;
mod progress;
mod sorting;
mod unigram;
mod word_level;
mod words;

pub use bpe::{BpeOptions, ParityOptions, ParityVariant, TrainedBpe, train_bpe, train_parity_bpe};
pub use error::TrainError;
pub use progress::Progress;
pub use unigram::{TrainedUnigram, UnigramOptions, train_unigram};
pub use word_level::{TrainedWordLevel, WordLevelOptions, train_word_level};
pub use words::{Cut, Pieces, Sequences, WordCounts, Words};

/// Sizes up to this fit where ids lie beside a bit more.
const MAX_VOCAB_SIZE: usize = i32::MAX as usize;

fn check_vocab_size(found: usize) -> Result<(), TrainError> {
    if found > MAX_VOCAB_SIZE { Err(TrainError::VocabularySize { found }) } else { Ok(()) }
}
