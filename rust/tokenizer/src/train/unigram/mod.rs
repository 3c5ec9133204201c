//! Unigram vocabularies (Kudo 2018), with the steps of `tokenizers`.
//!
//! Frequent substrings of the words are the first pieces ([`seeds`]); their probabilities are fitted by expectation
//! maximization ([`fit`]), and the pieces whose loss costs the least likelihood are dropped ([`prune`]), until few
//! enough are left.
//!
//! Every sum is taken in an order that depends on the words alone, so that the result is the same for any number of
//! threads; `tokenizers` takes them in the order of a hash table, and its scores differ in the last digits from run
//! to run.

mod finish;
mod fit;
mod lattice;
mod model;
mod prune;
mod seeds;
mod suffixes;
mod text;
mod trie;

use ferrolm_base::Cancel;

use super::progress::Stage;
use super::{Progress, TrainError, Words};
use model::Model;
use text::Text;

/// Settings of Unigram training, with the names and meanings of `tokenizers.trainers.UnigramTrainer`.
#[derive(Debug, Clone, PartialEq)]
pub struct UnigramOptions {
    /// Size of the vocabulary, special tokens included.
    pub vocab_size: usize,
    /// Rounds of expectation maximization before each pruning.
    pub n_sub_iterations: usize,
    /// The share of the pieces that a round of pruning keeps.
    pub shrinking_factor: f64,
    /// Tokens that get the first ids.
    pub special_tokens: Vec<String>,
    /// Characters that get a piece even if the text has none.
    pub initial_alphabet: Vec<char>,
    /// Stands for what has no piece; the first id is its own unless it is among the special tokens.
    pub unk_token: Option<String>,
    /// Largest number of characters in a piece.
    pub max_piece_length: usize,
    /// Number of pieces to begin with.
    pub seed_size: usize,
}

impl Default for UnigramOptions {
    fn default() -> Self {
        Self {
            vocab_size: 8000,
            n_sub_iterations: 2,
            shrinking_factor: 0.75,
            special_tokens: Vec::new(),
            initial_alphabet: Vec::new(),
            unk_token: None,
            max_piece_length: 16,
            seed_size: 1_000_000,
        }
    }
}

/// What was learnt: pieces and their log probabilities by id, and the id of the unknown token.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedUnigram {
    pub pieces: Vec<(String, f64)>,
    pub unk_id: Option<usize>,
}

/// Rounds that drop nothing after which the rest is cut off by order: no input may loop for ever.
const STALLED_ROUNDS: usize = 10;

/// Learn pieces from counted words.
///
/// Time is some thirty passes over the different words, each linear in their characters times the piece length;
/// memory, beside the words, some 40 bytes per character of theirs and 200 per seed piece.
///
/// ```
/// use ferrolm_tokenizer::train::{self, Progress, UnigramOptions, Words};
/// let words = Words::of_text([("abab", 2), ("ab", 1)]);
/// let options = UnigramOptions { vocab_size: 10, ..UnigramOptions::default() };
/// let trained = train::train_unigram(&words, &options, &Progress::default(), &ferrolm_base::cancel::NEVER)?;
/// assert!(trained.pieces.iter().any(|(piece, _)| piece == "ab"));
/// # Ok::<(), train::TrainError>(())
/// ```
pub fn train_unigram(
    words: &Words,
    options: &UnigramOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<TrainedUnigram, TrainError> {
    check(words, options)?;
    progress.start(Stage::Seeds, words.total_bytes());
    let text = Text::new(words, cancel)?;
    let required = finish::required(&text, options)?;
    let mut model = Model::new(seeds::seeds(&text, options, progress, cancel)?, &text, cancel)?;
    // As in the reference, training stops at a tenth more than what is wanted.
    let desired = options.vocab_size.saturating_mul(11) / 10;
    progress.start(Stage::ExpectationMaximization, rounds(desired, &model, options));
    let mut stalled = 0;
    loop {
        let before = model.len();
        for _ in 0..options.n_sub_iterations {
            let expected = fit::expected(&model, &text, cancel)?;
            model = fit::maximized(&model, &expected, &text, cancel)?;
            progress.advance(1);
        }
        if model.len() <= desired || stalled == STALLED_ROUNDS {
            break;
        }
        let kept = (model.len() as f64 * options.shrinking_factor) as usize;
        model = prune::pruned(&model, &text, desired.max(kept), cancel)?;
        stalled = if model.len() < before { 0 } else { stalled + 1 };
    }
    Ok(finish::finish(&model, &text, required, options))
}

fn check(words: &Words, options: &UnigramOptions) -> Result<(), TrainError> {
    super::check_vocab_size(options.vocab_size)?;
    if words.is_empty() && options.special_tokens.is_empty() && options.initial_alphabet.is_empty() {
        return Err(TrainError::EmptyCorpus);
    }
    if !(options.shrinking_factor > 0.0 && options.shrinking_factor < 1.0) {
        let found = options.shrinking_factor.to_string();
        let (argument, expected) = ("shrinking_factor", "a number between 0 and 1, without these");
        return Err(TrainError::Option { argument, found, expected });
    }
    let needed = options.special_tokens.len() + usize::from(options.adds_unknown());
    if needed > options.vocab_size {
        return Err(TrainError::TooManySpecialTokens { found: options.vocab_size, needed });
    }
    Ok(())
}

impl UnigramOptions {
    /// Whether the unknown token is not among the special ones.
    fn adds_unknown(&self) -> bool {
        self.unk_token.as_ref().is_some_and(|unknown| !self.special_tokens.contains(unknown))
    }
}

/// How many rounds of expectation maximization there will be, about.
fn rounds(desired: usize, model: &Model, options: &UnigramOptions) -> usize {
    let loops = ((desired as f64) / (model.len() as f64)).ln() / options.shrinking_factor.ln();
    (loops.max(0.0) as usize + 1) * options.n_sub_iterations
}
