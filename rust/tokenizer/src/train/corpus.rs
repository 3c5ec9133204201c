//! The different words as sequences of symbols, one after the other in one array.

use super::BpeOptions;
use super::vocabulary::Vocabulary;
use crate::byte_level::BYTE_TO_CHAR;

pub(super) struct Corpus {
    /// Token ids; word w is `symbols[starts[w]..][..lengths[w]]`, and shrinks in its place when pairs merge.
    symbols: Vec<u32>,
    starts: Vec<u32>,
    lengths: Vec<u32>,
    /// How often each word occurs.
    pub(super) counts: Vec<i64>,
}

impl Corpus {
    /// Spell `words` in symbols; characters that are not in the vocabulary are left out, as in `tokenizers`.
    pub(super) fn new(words: &[(&[u8], u64)], options: &BpeOptions, vocabulary: &mut Vocabulary) -> Self {
        let total = words.iter().map(|(word, _)| word.len()).sum();
        let mut corpus = Self {
            symbols: Vec::with_capacity(total),
            starts: Vec::with_capacity(words.len()),
            lengths: Vec::with_capacity(words.len()),
            counts: Vec::with_capacity(words.len()),
        };
        let mut speller = Speller::new(options, vocabulary);
        for (word, count) in words {
            let start = corpus.symbols.len();
            for (position, &byte) in word.iter().enumerate() {
                let place = Place { first: position == 0, last: position + 1 == word.len() };
                corpus.symbols.extend(speller.symbol(byte, place));
            }
            corpus.starts.push(start as u32);
            corpus.lengths.push((corpus.symbols.len() - start) as u32);
            corpus.counts.push(i64::try_from(*count).unwrap_or(i64::MAX));
        }
        corpus
    }

    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    pub(super) fn word(&self, word: usize) -> &[u32] {
        let start = self.starts[word] as usize;
        &self.symbols[start..start + self.lengths[word] as usize]
    }

    /// Replace every `pair` in `word` by `merged`, from the left, and report how neighbouring pairs change:
    /// `change(left, right, +1 or -1)`. Pairs that `fits(left, right)` refuses are not reported as gained.
    pub(super) fn merge(
        &mut self,
        word: usize,
        pair: (u32, u32),
        merged: u32,
        fits: impl Fn(u32, u32) -> bool,
        mut change: impl FnMut(u32, u32, i64),
    ) {
        let start = self.starts[word] as usize;
        let symbols = &mut self.symbols[start..start + self.lengths[word] as usize];
        let (mut read, mut written) = (0, 0);
        while read < symbols.len() {
            if read + 1 < symbols.len() && (symbols[read], symbols[read + 1]) == pair {
                if written > 0 {
                    let before = symbols[written - 1];
                    change(before, pair.0, -1);
                    if fits(before, merged) {
                        change(before, merged, 1);
                    }
                }
                if let Some(&after) = symbols.get(read + 2) {
                    change(pair.1, after, -1);
                    if fits(merged, after) {
                        change(merged, after, 1);
                    }
                }
                symbols[written] = merged;
                read += 2;
            } else {
                symbols[written] = symbols[read];
                read += 1;
            }
            written += 1;
        }
        self.lengths[word] = written as u32;
    }
}

#[derive(Clone, Copy)]
struct Place {
    first: bool,
    last: bool,
}

/// Token ids of bytes, with the prefix and suffix that depend on the place in the word.
struct Speller<'a> {
    options: &'a BpeOptions,
    vocabulary: &'a mut Vocabulary,
    plain: [Option<u32>; 256],
    affixes: bool,
}

impl<'a> Speller<'a> {
    fn new(options: &'a BpeOptions, vocabulary: &'a mut Vocabulary) -> Self {
        let plain = BYTE_TO_CHAR.map(|character| vocabulary.id(character.encode_utf8(&mut [0; 4])));
        let affixes = !options.continuing_subword_prefix.is_empty() || !options.end_of_word_suffix.is_empty();
        Self { options, vocabulary, plain, affixes }
    }

    fn symbol(&mut self, byte: u8, place: Place) -> Option<u32> {
        let plain = self.plain[usize::from(byte)]?;
        if !self.affixes {
            return Some(plain);
        }
        let prefix = if place.first { "" } else { &self.options.continuing_subword_prefix };
        let suffix = if place.last { &self.options.end_of_word_suffix } else { "" };
        let token = format!("{prefix}{}{suffix}", BYTE_TO_CHAR[usize::from(byte)]);
        Some(self.vocabulary.id_or_insert(&token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(word: &[u8], pair: (u32, u32)) -> (Vec<u32>, Vec<(u32, u32, i64)>) {
        let mut vocabulary = Vocabulary::default();
        for character in BYTE_TO_CHAR {
            vocabulary.id_or_insert(character.encode_utf8(&mut [0; 4]));
        }
        let mut corpus = Corpus::new(&[(word, 1)], &BpeOptions::default(), &mut vocabulary);
        let mut changes = Vec::new();
        corpus.merge(0, pair, 999, |_, _| true, |left, right, by| changes.push((left, right, by)));
        (corpus.word(0).to_vec(), changes)
    }

    #[test]
    fn neighbours_of_a_merge_are_recounted() {
        let [e, h, l, o] = *b"ehlo";
        let (e, h, l, o) = (e.into(), h.into(), l.into(), o.into());
        let (word, changes) = merged(b"hello", (l, l));
        assert_eq!(word, [h, e, 999, o]);
        assert_eq!(changes, [(e, l, -1), (e, 999, 1), (l, o, -1), (999, o, 1)]);
    }

    #[test]
    fn overlapping_pairs_merge_from_the_left() {
        let a = u32::from(b'a');
        assert_eq!(merged(b"aaaaa", (a, a)).0, [999, 999, a]);
    }
}
