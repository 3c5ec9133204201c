//! From a document to its features: the n-grams of its words or characters, as text.

use std::sync::Arc;

use crate::count::MAX_COUNT_ORDER;
use crate::error::{NgramError, Result};
use crate::matrix::characters::Characters;
use crate::words::WordTable;

/// What the n-grams of a document are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Units {
    /// Words of two letters and more, joined by a space.
    Words,
    /// Characters; longer white space is one space.
    Characters,
    /// Characters of one word with a space before and after it.
    CharactersInWords,
}

/// How documents are cut into features; the meaning is that of scikit-learn's `CountVectorizer`.
#[derive(Debug, Clone)]
pub struct Analyzer {
    pub(super) characters: Arc<Characters>,
    pub(super) units: Units,
    pub(super) lowercase: bool,
    /// Words that are left out before n-grams are formed.
    pub(super) stop_words: WordTable,
    pub(super) smallest: usize,
    pub(super) largest: usize,
}

/// Memory that is used again for each document.
#[derive(Default)]
pub(super) struct Scratch {
    lowered: String,
    joined: String,
    starts: Vec<usize>,
    ends: Vec<usize>,
}

impl Analyzer {
    /// Features are the n-grams of `smallest` to `largest` units.
    pub fn new(
        characters: Arc<Characters>,
        units: Units,
        lowercase: bool,
        stop_words: WordTable,
        (smallest, largest): (usize, usize),
    ) -> Result<Self> {
        if smallest == 0 || smallest > largest || largest > usize::from(MAX_COUNT_ORDER) {
            let message = format!(
                "ngram_range is ({smallest}, {largest}), expected 1 <= smallest <= largest <= {MAX_COUNT_ORDER}"
            );
            return Err(NgramError::InvalidArgument(message));
        }
        Ok(Self { characters, units, lowercase, stop_words, smallest, largest })
    }

    /// Call `each` with every feature of `text`, in no order that means anything.
    pub fn features(&self, text: &str, mut each: impl FnMut(&str)) {
        self.each_feature(text, &mut Scratch::default(), &mut each);
    }

    pub(super) fn each_feature(&self, text: &str, scratch: &mut Scratch, each: &mut impl FnMut(&str)) {
        let Scratch { lowered, joined, starts, ends } = scratch;
        let text = self.prepared(text, lowered);
        clear(joined, starts, ends);
        match self.units {
            Units::Words => {
                self.each_word(text, |word| {
                    if !joined.is_empty() {
                        joined.push(' ');
                    }
                    starts.push(joined.len());
                    joined.push_str(word);
                    ends.push(joined.len());
                });
                self.windows(joined, starts, ends, self.smallest, each);
            }
            Units::Characters => {
                joined.extend(self.characters.squeezed(text));
                boundaries(joined, starts, ends);
                self.windows(joined, starts, ends, self.smallest, each);
            }
            Units::CharactersInWords => {
                for word in self.characters.split(text) {
                    clear(joined, starts, ends);
                    joined.extend([" ", word, " "]);
                    boundaries(joined, starts, ends);
                    // A word shorter than every n-gram counts once, as a whole.
                    self.windows(joined, starts, ends, self.smallest.min(starts.len()), each);
                }
            }
        }
    }

    /// `text`, in lower case if wanted.
    pub(super) fn prepared<'a>(&self, text: &'a str, lowered: &'a mut String) -> &'a str {
        if !self.lowercase {
            return text;
        }
        self.characters.lower_into(text, lowered);
        lowered
    }

    /// The words of a prepared text without stop words.
    #[inline]
    pub(super) fn each_word<'a>(&self, text: &'a str, mut each: impl FnMut(&'a str)) {
        self.characters.words(text, |word| {
            if self.stop_words.is_empty() || self.stop_words.get(word).is_none() {
                each(word);
            }
        });
    }

    fn windows(
        &self,
        text: &str,
        starts: &[usize],
        ends: &[usize],
        smallest: usize,
        each: &mut impl FnMut(&str),
    ) {
        for size in smallest..=self.largest.min(starts.len()) {
            for (&start, &end) in starts.iter().zip(&ends[size - 1..]) {
                each(&text[start..end]);
            }
        }
    }
}

fn clear(text: &mut String, starts: &mut Vec<usize>, ends: &mut Vec<usize>) {
    text.clear();
    starts.clear();
    ends.clear();
}

/// Where the characters of `text` start and end.
fn boundaries(text: &str, starts: &mut Vec<usize>, ends: &mut Vec<usize>) {
    starts.extend(text.char_indices().map(|(at, _)| at));
    ends.extend(text.char_indices().map(|(at, character)| at + character.len_utf8()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::characters::ascii;

    fn features(units: Units, range: (usize, usize), text: &str) -> Vec<String> {
        let analyzer = Analyzer::new(Arc::new(ascii()), units, true, WordTable::new(), range).unwrap();
        let mut all = Vec::new();
        analyzer.features(text, |feature| all.push(feature.to_owned()));
        all
    }

    #[test]
    fn words_are_joined_by_spaces() {
        assert_eq!(features(Units::Words, (1, 2), "One,a two."), ["one", "two", "one two"]);
        assert_eq!(features(Units::Words, (2, 3), "One"), [""; 0]);
    }

    #[test]
    fn characters_cross_words_or_do_not() {
        assert_eq!(features(Units::Characters, (2, 2), "a  Bc"), ["a ", " b", "bc"]);
        assert_eq!(features(Units::CharactersInWords, (3, 3), "a  Bc"), [" a ", " bc", "bc "]);
        // Shorter than every n-gram: once, as a whole.
        assert_eq!(features(Units::CharactersInWords, (4, 5), "a"), [" a "]);
    }

    #[test]
    fn stop_words_go_before_ngrams_are_formed() {
        let mut stop = WordTable::new();
        stop.insert("the");
        let analyzer = Analyzer::new(Arc::new(ascii()), Units::Words, true, stop, (2, 2)).unwrap();
        let mut all = Vec::new();
        analyzer.features("in The end", |feature| all.push(feature.to_owned()));
        assert_eq!(all, ["in end"]);
    }

    #[test]
    fn ranges_are_checked() {
        for range in [(0, 1), (2, 1), (1, 65)] {
            let made = Analyzer::new(Arc::new(ascii()), Units::Words, true, WordTable::new(), range);
            assert!(made.unwrap_err().to_string().contains("ngram_range"));
        }
    }
}
