//! Learning a vocabulary: byte-pair encoding (Sennrich et al. 2016) on bytes, with the merges of `tokenizers`.
//!
//! Text is cut into words ([`words::WordCounts`], in parallel), then the most frequent pair of neighbouring symbols
//! is merged until the vocabulary is full ([`train`]). Equal counts are decided by the smaller pair of ids, as in
//! `tokenizers`, so that vocabulary and merges are the same.

mod alphabet;
mod corpus;
mod error;
mod hash;
mod merges;
mod pairs;
mod vocabulary;
pub mod words;

use ferrolm_base::Cancel;

pub use error::TrainError;
pub use words::{Sequences, WordCounts};

use corpus::Corpus;
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

/// Learn a vocabulary from counted words; the alphabet spells bytes as in [`crate::byte_level`].
///
/// Time is linear in the symbols of the different words for the setup, plus a word's length for each merge that
/// meets it. Deterministic.
///
/// ```
/// use ferrolm_tokenizer::train::{self, BpeOptions, Sequences, WordCounts};
/// let mut words = WordCounts::new(Sequences::default());
/// words.add(&["low lower lowest low"], &ferrolm_base::cancel::NEVER)?;
/// let options = BpeOptions { vocab_size: 10, ..BpeOptions::default() };
/// let trained = train::train(&words, &options, &ferrolm_base::cancel::NEVER)?;
/// assert_eq!(trained.tokens.last().map(String::as_str), Some("low"));
/// # Ok::<(), train::TrainError>(())
/// ```
pub fn train(words: &WordCounts, options: &BpeOptions, cancel: &Cancel) -> Result<TrainedBpe, TrainError> {
    if words.is_empty() {
        return Err(TrainError::EmptyCorpus);
    }
    if u32::try_from(options.vocab_size).is_err() {
        return Err(TrainError::VocabularySize { found: options.vocab_size });
    }
    let sorted = words.sorted();
    let mut vocabulary = Vocabulary::default();
    for token in &options.special_tokens {
        vocabulary.id_or_insert(token);
    }
    for character in alphabet::alphabet(&sorted, options) {
        vocabulary.id_or_insert(character.encode_utf8(&mut [0; 4]));
    }
    let corpus = Corpus::new(&sorted, options, &mut vocabulary);
    let merges = merges::learn(corpus, options, &mut vocabulary, cancel)?;
    Ok(TrainedBpe { tokens: vocabulary.into_tokens(), merges })
}
