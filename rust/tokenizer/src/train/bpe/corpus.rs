//! The different words as sequences of symbols, one after the other in one array.

use ferrolm_base::Cancel;

use super::super::progress::Stage;
use super::super::{Progress, TrainError, Words};
use super::BpeOptions;
use super::alphabet::Alphabet;
use super::vocabulary::Vocabulary;

/// Words between two looks at the cancel flag.
const POLL: usize = 4096;
/// Numbers before the symbols of a word: how many symbols, and how often the word occurs in two halves.
const HEADER: usize = 3;

/// Each word lies with its count and length in one place, because merging waits for memory more than for anything
/// else. A word is named by where it starts, and shrinks in its place.
pub(super) struct Corpus {
    cells: Vec<u32>,
    /// Symbols of all words as often as these occur, those in which nothing merges too.
    length: i64,
}

impl Corpus {
    /// Spell the words in symbols. Characters that are not in the alphabet are left out, as in `tokenizers`, and so
    /// are words of less than two symbols, in which nothing merges.
    pub(super) fn new(
        words: &Words,
        alphabet: &Alphabet,
        options: &BpeOptions,
        vocabulary: &mut Vocabulary,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Self, TrainError> {
        let affixes = Affixes::new(words, alphabet, options, vocabulary);
        Self::spelled(words, progress, cancel, |word, cells| {
            match &affixes {
                None => words.characters(word, |character| cells.extend(alphabet.id(character))),
                Some(affixes) => affixes.spell(words, word, |symbol| cells.push(symbol)),
            }
            true
        })
    }

    /// As `new`, but words with a symbol that is not in `vocabulary` yet are left out.
    pub(super) fn known(
        words: &Words,
        alphabet: &Alphabet,
        options: &BpeOptions,
        vocabulary: &Vocabulary,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Self, TrainError> {
        Self::spelled(words, progress, cancel, |word, cells| {
            let mut known = true;
            each_place(words, word, |character, place| {
                let symbol = alphabet.id(character);
                let symbol = symbol.and_then(|_| vocabulary.id(&affixed(character, place, options)));
                known &= symbol.is_some();
                cells.extend(symbol);
            });
            known
        })
    }

    /// `spell` writes the symbols of a word, and says whether the word is to be kept.
    fn spelled(
        words: &Words,
        progress: &Progress,
        cancel: &Cancel,
        mut spell: impl FnMut(usize, &mut Vec<u32>) -> bool,
    ) -> Result<Self, TrainError> {
        progress.start(Stage::TokenizeWords, words.len());
        let mut cells = Vec::with_capacity(words.total_bytes() + HEADER * words.len());
        let mut total = 0;
        for word in 0..words.len() {
            if word % POLL == 0 {
                cancel.check()?;
                progress.advance(POLL as u64);
            }
            let start = cells.len();
            let count = words.count(word);
            cells.extend([0, count as u32, (count >> 32) as u32]);
            let kept = spell(word, &mut cells);
            let length = cells.len() - start - HEADER;
            if kept {
                total += length as i64 * count as i64;
            }
            if !kept || length < 2 {
                cells.truncate(start);
            } else {
                cells[start] = length as u32;
            }
        }
        // Words are named by 32 bits.
        let (what, found, limit) = ("symbols of different words", cells.len(), u32::MAX as usize);
        if found > limit {
            return Err(TrainError::Limit { what, found, limit });
        }
        Ok(Self { cells, length: total })
    }

    /// Symbols of all words as often as these occur, before the first merge.
    pub(super) fn length(&self) -> i64 {
        self.length
    }

    /// How often a word occurs.
    #[inline]
    pub(super) fn count(&self, word: u32) -> i64 {
        let at = word as usize;
        i64::from(self.cells[at + 1]) | i64::from(self.cells[at + 2]) << 32
    }

    #[inline]
    pub(super) fn symbols(&self, word: u32) -> &[u32] {
        let at = word as usize;
        &self.cells[at + HEADER..][..self.cells[at] as usize]
    }

    /// All words; only before the first merge, as words leave gaps when they shrink.
    pub(super) fn words(&self) -> impl Iterator<Item = u32> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let length = *self.cells.get(at)?;
            let word = at as u32;
            at += HEADER + length as usize;
            Some(word)
        })
    }

    /// Replace every `pair` in `word` by `merged`, from the left. For each, `merge(before, after)` gets the neighbours.
    #[inline]
    pub(super) fn merge(
        &mut self,
        word: u32,
        pair: (u32, u32),
        merged: u32,
        mut merge: impl FnMut(Option<u32>, Option<u32>),
    ) {
        let at = word as usize;
        let length = self.cells[at] as usize;
        let symbols = &mut self.cells[at + HEADER..][..length];
        // Nothing is written before the first pair.
        let Some(first) = symbols.windows(2).position(|two| (two[0], two[1]) == pair) else { return };
        let (mut read, mut written) = (first, first);
        while read < length {
            let symbol = symbols[read];
            if symbol == pair.0 && read + 1 < length && symbols[read + 1] == pair.1 {
                let before = if written > 0 { Some(symbols[written - 1]) } else { None };
                merge(before, symbols.get(read + 2).copied());
                symbols[written] = merged;
                read += 2;
            } else {
                symbols[written] = symbol;
                read += 1;
            }
            written += 1;
        }
        self.cells[at] = written as u32;
    }
}

/// The symbols of characters with the prefix and suffix that depend on the place in the word.
struct Affixes<'a> {
    alphabet: &'a Alphabet,
    /// By character, in the order of the alphabet, and place.
    ids: Vec<[u32; 4]>,
}

const UNUSED: u32 = u32::MAX;

const FIRST: usize = 1;
const LAST: usize = 2;

fn place(first: bool, last: bool) -> usize {
    (usize::from(first) * FIRST) | (usize::from(last) * LAST)
}

fn affixed(character: char, place: usize, options: &BpeOptions) -> String {
    let prefix = if place & FIRST == 0 { options.continuing_subword_prefix.as_str() } else { "" };
    let suffix = if place & LAST == 0 { "" } else { options.end_of_word_suffix.as_str() };
    format!("{prefix}{character}{suffix}")
}

impl<'a> Affixes<'a> {
    /// None without prefix and suffix. Symbols that are new get their ids in the order of the alphabet, for each
    /// character first the one inside a word, then those that start, end, and are a word; `tokenizers` numbers them
    /// in the order of a hash table.
    fn new(
        words: &Words,
        alphabet: &'a Alphabet,
        options: &BpeOptions,
        vocabulary: &mut Vocabulary,
    ) -> Option<Self> {
        if options.continuing_subword_prefix.is_empty() && options.end_of_word_suffix.is_empty() {
            return None;
        }
        let mut affixes = Self { alphabet, ids: vec![[UNUSED; 4]; alphabet.characters.len()] };
        for word in 0..words.len() {
            each_place(words, word, |character, place| {
                if let Some(rank) = affixes.rank(character) {
                    affixes.ids[rank][place] = 0;
                }
            });
        }
        for (rank, &character) in alphabet.characters.iter().enumerate() {
            for (first, last) in [(false, false), (true, false), (false, true), (true, true)] {
                let place = place(first, last);
                let id = &mut affixes.ids[rank][place];
                if *id != UNUSED {
                    *id = vocabulary.id_or_insert(&affixed(character, place, options));
                }
            }
        }
        Some(affixes)
    }

    fn rank(&self, character: char) -> Option<usize> {
        self.alphabet.characters.binary_search(&character).ok()
    }

    fn spell(&self, words: &Words, word: usize, mut emit: impl FnMut(u32)) {
        each_place(words, word, |character, place| {
            if let Some(rank) = self.rank(character) {
                emit(self.ids[rank][place]);
            }
        });
    }
}

/// The characters of a word and their places in it.
fn each_place(words: &Words, word: usize, mut emit: impl FnMut(char, usize)) {
    let mut waiting = None;
    words.characters(word, |character| {
        if let Some((before, first)) = waiting.replace((character, waiting.is_none())) {
            emit(before, place(first, false));
        }
    });
    if let Some((last, first)) = waiting {
        emit(last, place(first, true));
    }
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;

    use super::*;

    fn corpus(word: &str, options: &BpeOptions) -> (Corpus, Vocabulary) {
        let mut vocabulary = Vocabulary::default();
        let words = Words::of_text([(word, 1 << 33)]);
        let alphabet = Alphabet::new(&[&words], options, &mut vocabulary, &NEVER).unwrap();
        let corpus = Corpus::new(&words, &alphabet, options, &mut vocabulary, &Progress::default(), &NEVER);
        (corpus.unwrap(), vocabulary)
    }

    type Merged = (Vec<u32>, Vec<(Option<u32>, Option<u32>)>);

    fn merged(word: &str, pair: (u32, u32)) -> Merged {
        let (mut corpus, _) = corpus(word, &BpeOptions::default());
        let mut neighbours = Vec::new();
        corpus.merge(0, pair, 99, |before, after| neighbours.push((before, after)));
        (corpus.symbols(0).to_vec(), neighbours)
    }

    #[test]
    fn neighbours_of_merges_are_reported_as_they_are_then() {
        let (e, h, l, o) = (0, 1, 2, 3);
        assert_eq!(merged("hello", (l, l)), (vec![h, e, 99, o], vec![(Some(e), Some(o))]));
        let (a, b) = (0, 1);
        assert_eq!(merged("abab", (a, b)), (vec![99, 99], vec![(None, Some(a)), (Some(99), None)]));
        assert_eq!(merged("ba", (a, b)), (vec![b, a], vec![]));
    }

    #[test]
    fn overlapping_pairs_merge_from_the_left() {
        assert_eq!(merged("aaaaa", (0, 0)).0, [99, 99, 0]);
    }

    #[test]
    fn symbols_bear_the_affixes_of_their_place() {
        let options = BpeOptions {
            continuing_subword_prefix: "##".into(),
            end_of_word_suffix: "</w>".into(),
            ..BpeOptions::default()
        };
        let (corpus, vocabulary) = corpus("abba", &options);
        let symbols: Vec<_> = corpus.symbols(0).iter().map(|&id| vocabulary.token(id)).collect();
        assert_eq!(symbols, ["a", "##b", "##b", "##a</w>"]);
        assert_eq!(vocabulary.into_tokens(), ["a", "b", "##a</w>", "##b"]);
        assert_eq!(corpus.count(0), 1 << 33);
    }
}
