//! Settings of parity-aware BPE training.

use super::super::super::TrainError;
use super::super::BpeOptions;

/// How the language is chosen whose most frequent pair merges next.
#[derive(Debug, Clone, PartialEq)]
pub enum ParityVariant {
    /// The longest.
    Base,
    /// The longest of those that had at most `alpha` times their equal share of the last `window_size` turns.
    Window { window_size: usize, alpha: f64 },
}

/// Settings with the names and meanings of `tokenizers.trainers.ParityBpeTrainer`.
#[derive(Debug, Clone, PartialEq)]
pub struct ParityOptions {
    /// Number of merges; the vocabulary has the special tokens and the alphabet besides, but see `total_symbols`.
    pub num_merges: usize,
    pub variant: ParityVariant,
    /// Count that a pair must have to be merged.
    pub min_frequency: u64,
    /// How much each language is to be compressed, in any unit.
    pub ratio: Option<Vec<f64>>,
    /// The first merges are those of all languages together.
    pub global_merges: usize,
    /// Whether `num_merges` is the size of the vocabulary: special tokens and alphabet are subtracted.
    pub total_symbols: bool,
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

impl Default for ParityOptions {
    fn default() -> Self {
        Self {
            num_merges: 32_000,
            variant: ParityVariant::Base,
            min_frequency: 0,
            ratio: None,
            global_merges: 0,
            total_symbols: false,
            special_tokens: Vec::new(),
            limit_alphabet: None,
            initial_alphabet: Vec::new(),
            continuing_subword_prefix: String::new(),
            end_of_word_suffix: String::new(),
            max_token_length: None,
        }
    }
}

impl ParityOptions {
    /// What it shares with plain BPE.
    pub(super) fn bpe(&self) -> BpeOptions {
        BpeOptions {
            limit_alphabet: self.limit_alphabet,
            initial_alphabet: self.initial_alphabet.clone(),
            continuing_subword_prefix: self.continuing_subword_prefix.clone(),
            end_of_word_suffix: self.end_of_word_suffix.clone(),
            ..BpeOptions::default()
        }
    }

    pub(super) fn check(&self, languages: usize, development: usize) -> Result<(), TrainError> {
        let refuse = |argument, found, expected| Err(TrainError::Option { argument, found, expected });
        if languages == 0 {
            return Err(TrainError::EmptyCorpus);
        }
        if development != 0 && development != languages {
            let found = format!("{development} texts for {languages} languages");
            return refuse("development", found, "one for each");
        }
        if let ParityVariant::Window { window_size, alpha } = self.variant {
            if window_size == 0 {
                return refuse("window_size", window_size.to_string(), "at least 1");
            }
            if !(alpha > 0.0 && alpha.is_finite()) {
                return refuse("alpha", alpha.to_string(), "a finite number above 0");
            }
        }
        let Some(ratio) = self.ratio.as_ref().filter(|_| development == 0) else { return Ok(()) };
        if ratio.len() != languages {
            let found = format!("{} numbers for {languages} languages", ratio.len());
            return refuse("ratio", found, "one for each");
        }
        match ratio.iter().find(|&&number| !(number > 0.0 && number.is_finite())) {
            Some(number) => refuse("ratio", number.to_string(), "finite numbers above 0"),
            None => Ok(()),
        }
    }
}
