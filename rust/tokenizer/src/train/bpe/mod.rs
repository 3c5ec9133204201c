//! Byte-pair encoding (Sennrich et al. 2016), with the merges of `tokenizers`.
//!
//! The most frequent pair of neighbouring symbols is merged until the vocabulary is full. Equal counts are decided by
//! the smaller pair of ids, as in `tokenizers`, so that vocabulary and merges are the same.

mod alphabet;
mod corpus;
mod counted;
mod merges;
mod neighbours;
mod parity;
mod queue;
mod vocabulary;

use ferrolm_base::Cancel;

use super::{Progress, TrainError, Words};
use alphabet::Alphabet;
use corpus::Corpus;
pub use parity::{ParityOptions, ParityVariant, train_parity_bpe};
use vocabulary::Vocabulary;

/// Settings of BPE training, with the names and meanings of `tokenizers.trainers.BpeTrainer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BpeOptions {
    /// Size of the final vocabulary: special tokens, alphabet and merges.
    pub vocab_size: usize,
    /// Count that a pair must have to be merged.
    pub min_frequency: u64,
    /// Tokens that get the first ids and are never merged.
    pub special_tokens: Vec<String>,
    /// Largest number of different characters; the rarest are left out.
    pub limit_alphabet: Option<usize>,
    /// Characters that are in the alphabet even if the text has none.
    pub initial_alphabet: Vec<char>,
    /// Written before every symbol that does not start a word.
    pub continuing_subword_prefix: String,
    /// Written after every symbol that ends a word.
    pub end_of_word_suffix: String,
    /// Largest number of characters in a token.
    pub max_token_length: Option<usize>,
}

impl Default for BpeOptions {
    fn default() -> Self {
        Self {
            vocab_size: 30_000,
            min_frequency: 0,
            special_tokens: Vec::new(),
            limit_alphabet: None,
            initial_alphabet: Vec::new(),
            continuing_subword_prefix: String::new(),
            end_of_word_suffix: String::new(),
            max_token_length: None,
        }
    }
}

/// What was learnt: the tokens by id, and the pairs of ids that merge, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainedBpe {
    pub tokens: Vec<String>,
    pub merges: Vec<(u32, u32)>,
}

/// Learn merges from counted words.
///
/// Time is linear in the symbols of the different words for the setup, plus a word's length for each merge that
/// meets it; memory, beside the words, some 40 bytes per symbol of theirs. Deterministic.
///
/// ```
/// use ferrolm_tokenizer::train::{self, BpeOptions, Progress, Words};
/// let words = Words::of_text([("low", 2), ("lower", 1), ("lowest", 1)]);
/// let options = BpeOptions { vocab_size: 9, ..BpeOptions::default() };
/// let trained = train::train_bpe(&words, &options, &Progress::default(), &ferrolm_base::cancel::NEVER)?;
/// assert_eq!(trained.tokens.last().map(String::as_str), Some("low"));
/// # Ok::<(), train::TrainError>(())
/// ```
pub fn train_bpe(
    words: &Words,
    options: &BpeOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<TrainedBpe, TrainError> {
    if words.is_empty() && options.special_tokens.is_empty() && options.initial_alphabet.is_empty() {
        return Err(TrainError::EmptyCorpus);
    }
    super::check_vocab_size(options.vocab_size)?;
    let mut vocabulary = Vocabulary::default();
    for token in &options.special_tokens {
        vocabulary.id_or_insert(token);
    }
    let alphabet = Alphabet::new(&[words], options, &mut vocabulary, cancel)?;
    let corpus = Corpus::new(words, &alphabet, options, &mut vocabulary, progress, cancel)?;
    drop(alphabet);
    let merges = merges::learn(corpus, options, &mut vocabulary, progress, cancel)?;
    Ok(TrainedBpe { tokens: vocabulary.into_tokens(), merges })
}
