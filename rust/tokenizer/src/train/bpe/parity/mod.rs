//! Parity-aware BPE (Foroutan et al. 2025): languages take turns, so that none is cut into many more tokens than others.
//!
//! Each merge is the most frequent pair of one language, the one that is longest at that time (in its development
//! text, if there is one; relative to its target, if there are targets), and is applied to all. Equal counts are
//! decided by the greater pair of strings, as in `tokenizers`, so that vocabulary and merges are the same.

mod choice;
mod language;
mod options;

use std::cmp::Reverse;
use std::sync::Arc;

use ferrolm_base::Cancel;

use super::super::progress::Stage;
use super::super::{Progress, TrainError, Words};
use super::TrainedBpe;
use super::alphabet::Alphabet;
use super::corpus::Corpus;
use super::merges::{last_of_each, merged_token};
use super::queue::{PairKey, Queue, pair};
use super::vocabulary::Vocabulary;
use choice::Choice;
use language::{Fits, Language};
pub use options::{ParityOptions, ParityVariant};

/// Pairs in the order in which equally frequent ones merge: the greatest strings first.
type Candidates = Queue<Reverse<(Arc<str>, Arc<str>, PairKey)>>;

/// Learn merges from the counted words of each language.
///
/// `development` has counted words of each language, in the same order, or is empty; with them `ratio` is not used.
/// Time is that of [`train_bpe`](super::train_bpe) on all languages together, plus the number of languages for each
/// merge; deterministic.
///
/// ```
/// use ferrolm_tokenizer::train::{self, ParityOptions, Progress, Words};
/// let languages = [Words::of_text([("aaaa", 9)]), Words::of_text([("bc", 1), ("bd", 2)])];
/// let development = [Words::of_text([("a", 1)]), Words::of_text([("bc", 1)])];
/// let options = ParityOptions { num_merges: 1, ..ParityOptions::default() };
/// let (progress, cancel) = (Progress::default(), &ferrolm_base::cancel::NEVER);
/// let trained = train::train_parity_bpe(&languages, &development, &options, &progress, cancel)?;
/// assert_eq!(trained.tokens.last().map(String::as_str), Some("bd"));
/// # Ok::<(), train::TrainError>(())
/// ```
pub fn train_parity_bpe(
    languages: &[Words],
    development: &[Words],
    options: &ParityOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<TrainedBpe, TrainError> {
    options.check(languages.len(), development.len())?;
    let pairs = options.bpe();
    let mut vocabulary = Vocabulary::default();
    for token in &options.special_tokens {
        vocabulary.id_or_insert(token);
    }
    let all: Vec<&Words> = languages.iter().chain(development).collect();
    let alphabet = Alphabet::new(&all, &pairs, &mut vocabulary, cancel)?;
    let mut trained = Vec::with_capacity(languages.len());
    for words in languages {
        let corpus = Corpus::new(words, &alphabet, &pairs, &mut vocabulary, progress, cancel)?;
        trained.push(Language::new(corpus, progress, cancel)?);
    }
    let mut measured = Vec::with_capacity(development.len());
    for words in development {
        let corpus = Corpus::known(words, &alphabet, &pairs, &vocabulary, progress, cancel)?;
        measured.push(Language::new(corpus, progress, cancel)?);
    }
    drop(alphabet);
    let fewer = if options.total_symbols { vocabulary.len() } else { 0 };
    let num_merges = options.num_merges.saturating_sub(fewer);
    let mut learner = Learner::new(trained, measured, options, vocabulary);
    progress.start(Stage::ComputeMerges, num_merges);
    let mut merges = Vec::new();
    while merges.len() < num_merges {
        cancel.check()?;
        match learner.next(merges.len() < options.global_merges) {
            Turn::Merge(merging) => {
                merges.push(merging);
                learner.apply(merging, cancel)?;
                progress.advance(1);
            }
            Turn::Exhausted => {}
            Turn::Over => break,
        }
    }
    Ok(TrainedBpe { tokens: learner.vocabulary.into_tokens(), merges: last_of_each(&merges) })
}

/// What a turn of the loop does.
enum Turn {
    Merge((u32, u32)),
    /// The language whose turn it is has nothing left to merge.
    Exhausted,
    /// No language has.
    Over,
}

struct Learner<'a> {
    options: &'a ParityOptions,
    vocabulary: Vocabulary,
    /// The tokens by id once more, to be shared by many candidates.
    names: Vec<Arc<str>>,
    /// Length of the tokens in characters, without prefixes and suffixes.
    lengths: Vec<usize>,
    languages: Vec<Language>,
    development: Vec<Language>,
    /// Of each language.
    candidates: Vec<Candidates>,
    /// Of all languages together; only while merges are global.
    global: Option<Candidates>,
    /// Languages that have nothing left to merge.
    exhausted: Vec<bool>,
    choice: Choice,
}

impl<'a> Learner<'a> {
    fn new(
        languages: Vec<Language>,
        development: Vec<Language>,
        options: &'a ParityOptions,
        vocabulary: Vocabulary,
    ) -> Self {
        let measured = if development.is_empty() { &languages } else { &development };
        let ratio = options.ratio.as_deref().filter(|_| development.is_empty());
        let choice = Choice::new(&options.variant, ratio, measured.iter().map(|language| language.length));
        let mut learner = Self {
            options,
            names: (0..vocabulary.len()).map(|id| vocabulary.token(id as u32).into()).collect(),
            lengths: vec![1; vocabulary.len()],
            candidates: languages.iter().map(|_| Candidates::new()).collect(),
            global: (options.global_merges > 0).then(Candidates::new),
            exhausted: vec![false; languages.len()],
            vocabulary,
            languages,
            development,
            choice,
        };
        for language in 0..learner.languages.len() {
            for pair in learner.languages[language].pairs().collect::<Vec<_>>() {
                learner.propose(language, pair);
            }
        }
        learner
    }

    /// Queue a pair that has become more frequent in a language.
    fn propose(&mut self, language: usize, pair: PairKey) {
        let candidate = self.candidate(pair);
        if let Some(global) = &mut self.global {
            global.push(total(&self.languages, pair), candidate.clone());
        }
        let count = self.languages[language].count(pair);
        if count >= self.options.min_frequency.max(1) {
            self.candidates[language].push(count, candidate);
        }
    }

    fn candidate(&self, key: PairKey) -> Reverse<(Arc<str>, Arc<str>, PairKey)> {
        let (left, right) = pair(key);
        Reverse((self.names[left as usize].clone(), self.names[right as usize].clone(), key))
    }

    /// What happens next.
    fn next(&mut self, global: bool) -> Turn {
        let least = self.options.min_frequency.max(1);
        if self.exhausted.iter().all(|&exhausted| exhausted) {
            return Turn::Over;
        }
        if global {
            let languages = &self.languages;
            let best = self.global.as_mut().and_then(|queue| pop(queue, least, |key| total(languages, key)));
            return best.map_or(Turn::Over, |key| Turn::Merge(pair(key)));
        }
        self.global = None;
        let measured = if self.development.is_empty() { &self.languages } else { &self.development };
        let lengths: Vec<i64> = measured.iter().map(|language| language.length).collect();
        let turn = self.choice.next(&lengths, &self.exhausted);
        let language = &self.languages[turn];
        let best = pop(&mut self.candidates[turn], least, |key| language.count(key));
        self.exhausted[turn] |= best.is_none();
        best.map_or(Turn::Exhausted, |key| Turn::Merge(pair(key)))
    }

    /// Merge `pair` everywhere.
    fn apply(&mut self, pair: (u32, u32), cancel: &Cancel) -> Result<(), TrainError> {
        let token = merged_token(&self.vocabulary, pair, &self.options.continuing_subword_prefix);
        let merged = self.vocabulary.id_or_insert(&token);
        let length = self.lengths[pair.0 as usize] + self.lengths[pair.1 as usize];
        if let Some(known) = self.lengths.get_mut(merged as usize) {
            *known = length;
        } else {
            self.lengths.push(length);
            self.names.push(token.into());
        }
        for language in &mut self.development {
            language.merge(pair, merged, &Fits::All, cancel)?;
        }
        let longest = self.options.max_token_length.unwrap_or(usize::MAX);
        for language in 0..self.languages.len() {
            let fits = Fits::Below { lengths: &self.lengths, length, longest };
            for grown in self.languages[language].merge(pair, merged, &fits, cancel)? {
                self.propose(language, grown);
            }
        }
        Ok(())
    }
}

/// Count of a pair in all languages.
fn total(languages: &[Language], pair: PairKey) -> u64 {
    languages.iter().map(|language| language.count(pair)).sum()
}

/// The most frequent candidate whose `count` is at least `least`. Counts may have fallen since a candidate was queued.
fn pop(queue: &mut Candidates, least: u64, count: impl Fn(PairKey) -> u64) -> Option<PairKey> {
    loop {
        let (queued, candidate) = queue.pop()?;
        let key = candidate.0.2;
        match count(key) {
            now if now < least => {}
            now if now == queued => return Some(key),
            now => queue.push(now, candidate),
        }
    }
}
