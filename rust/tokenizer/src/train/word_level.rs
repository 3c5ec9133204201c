//! Word-level vocabularies: the most frequent words.

use std::cmp::Reverse;

use ferrolm_base::Cancel;

use super::progress::Stage;
use super::sorting::sort_by;
use super::{Progress, TrainError, Words};

/// Settings of word-level training, with the names and meanings of `tokenizers.trainers.WordLevelTrainer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordLevelOptions {
    /// Size of the vocabulary, special tokens included.
    pub vocab_size: usize,
    /// Count that a word must have.
    pub min_frequency: u64,
    /// Tokens that get the first ids.
    pub special_tokens: Vec<String>,
}

impl Default for WordLevelOptions {
    fn default() -> Self {
        Self { vocab_size: 30_000, min_frequency: 0, special_tokens: Vec::new() }
    }
}

/// What was learnt: tokens and their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainedWordLevel {
    pub tokens: Vec<(String, u32)>,
}

/// Take the special tokens as the vocabulary, then words by falling count, equal counts in the order of
/// their bytes. A word that is a special token has the id of the word, as in `tokenizers`, which leaves a gap.
///
/// ```
/// use ferrolm_tokenizer::train::{self, Progress, WordLevelOptions, Words};
/// let words = Words::of_text([("low", 2), ("lower", 3)]);
/// let options = WordLevelOptions::default();
/// let trained = train::train_word_level(&words, &options, &Progress::default(), &ferrolm_base::cancel::NEVER)?;
/// assert_eq!(trained.tokens, [("lower".to_owned(), 0), ("low".to_owned(), 1)]);
/// # Ok::<(), train::TrainError>(())
/// ```
pub fn train_word_level(
    words: &Words,
    options: &WordLevelOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<TrainedWordLevel, TrainError> {
    if words.is_empty() && options.special_tokens.is_empty() {
        return Err(TrainError::EmptyCorpus);
    }
    super::check_vocab_size(options.vocab_size)?;
    progress.start(Stage::SortWords, words.len());
    let frequent = (0..words.len()).filter(|&word| words.count(word) >= options.min_frequency);
    let mut order: Vec<usize> = frequent.collect();
    let rank = |&word: &usize| (Reverse(words.count(word)), words.bytes(word));
    let room = options.vocab_size.saturating_sub(options.special_tokens.len());
    if room < order.len() {
        // Only those that stay are put in order.
        order.select_nth_unstable_by(room, |left, right| rank(left).cmp(&rank(right)));
        order.truncate(room);
    }
    sort_by(&mut order, cancel, |left, right| rank(left).cmp(&rank(right)))?;
    let special = options.special_tokens.iter().cloned();
    let tokens = special.chain(order.into_iter().map(|word| words.text(word).into_owned()));
    let tokens: Vec<String> = tokens.take(options.vocab_size).collect();
    Ok(TrainedWordLevel { tokens: last_of_each(tokens) })
}

/// A token that comes twice has its last id.
fn last_of_each(tokens: Vec<String>) -> Vec<(String, u32)> {
    let mut ids = super::hash::FastMap::default();
    for (id, token) in (0u32..).zip(&tokens) {
        ids.insert(token.clone(), id);
    }
    (0u32..)
        .zip(tokens)
        .filter(|(id, token)| ids.get(token) == Some(id))
        .map(|(id, token)| (token, id))
        .collect()
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;

    use super::*;

    #[test]
    fn words_that_are_special_tokens_leave_gaps() {
        let words = Words::of_text([("the", 9), ("a", 5), ("b", 5), ("rare", 1)]);
        let options =
            WordLevelOptions { vocab_size: 4, min_frequency: 2, special_tokens: vec!["the".into()] };
        let found = train_word_level(&words, &options, &Progress::default(), &NEVER).unwrap();
        let found: Vec<_> = found.tokens.iter().map(|(token, id)| (token.as_str(), *id)).collect();
        assert_eq!(found, [("the", 1), ("a", 2), ("b", 3)]);
    }
}
