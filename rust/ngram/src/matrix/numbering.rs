//! Documents as numbers that are ordered as the text they stand for.
//!
//! A word's number is its place among all words sorted by their bytes, a character's its place among the characters that
//! occur. All characters of words come after the space, so n-grams in the order of their numbers, a shorter one
//! before its continuations, are in the order of their texts: columns get sorted names without sorting names.

use std::ops::Range;
use std::sync::Arc;

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::{Corpus, check_size};
use crate::error::Result;
use crate::levels::split;
use crate::matrix::analyzer::{Analyzer, Units};
use crate::words::WordTable;

/// Documents to count: rows of a matrix.
pub(super) struct Numbered {
    /// N-grams do not cross its sentences.
    pub corpus: Corpus,
    /// Document `i` is `corpus.tokens[rows[i]..rows[i + 1]]`.
    pub rows: Vec<usize>,
    pub names: Names,
}

/// What the numbers stand for.
#[derive(Debug, Clone)]
pub(super) enum Names {
    /// The words, and the word of each number.
    Words(Arc<WordTable>, Vec<u32>),
    Characters(Vec<char>),
}

impl Names {
    /// Append the n-gram of these numbers.
    pub fn write(&self, numbers: &[u32], text: &mut String) {
        match self {
            Self::Words(words, order) => {
                for (place, &number) in numbers.iter().enumerate() {
                    if place > 0 {
                        text.push(' ');
                    }
                    text.push_str(words.word(order[number as usize]));
                }
            }
            Self::Characters(characters) => {
                text.extend(numbers.iter().map(|&number| characters[number as usize]));
            }
        }
    }
}

/// Documents that one worker numbers for itself.
#[derive(Default)]
struct Part {
    words: WordTable,
    /// Numbers of `words`, or code points.
    tokens: Vec<u32>,
    /// Tokens of each document, and of each sentence where these are shorter.
    rows: Vec<u32>,
    sentences: Vec<u32>,
}

const PIECE_BYTES: usize = 1 << 20;
const POLL: usize = 256;

/// Number what `analyzer` finds in `texts`.
pub(super) fn number(texts: &[&str], analyzer: &Analyzer, cancel: &Cancel) -> Result<Numbered> {
    let pieces = pieces(texts.iter().map(|text| text.len()));
    let parts: Vec<Part> =
        pieces.into_par_iter().map(|piece| part(&texts[piece], analyzer, cancel)).collect::<Result<_>>()?;
    match analyzer.units {
        Units::Words => words(&parts),
        Units::Characters | Units::CharactersInWords => characters(&parts),
    }
}

/// Number features that are there already: document `i` has `features[offsets[i]..offsets[i + 1]]`.
pub(super) fn number_features(features: &[&str], offsets: &[usize], cancel: &Cancel) -> Result<Numbered> {
    let mut part = Part { words: WordTable::new(), ..Part::default() };
    for (at, feature) in features.iter().enumerate() {
        if at.is_multiple_of(1 << 16) {
            cancel.check()?;
        }
        part.tokens.push(part.words.insert(feature));
    }
    part.rows.extend(offsets.windows(2).map(|pair| (pair[1] - pair[0]) as u32));
    words(&[part])
}

/// Consecutive items whose sizes sum up to about a piece.
pub(super) fn pieces(sizes: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let (mut pieces, mut start, mut sum, mut count) = (Vec::new(), 0, 0, 0);
    for size in sizes {
        count += 1;
        sum += size + 1;
        if sum > PIECE_BYTES {
            pieces.push(start..count);
            (start, sum) = (count, 0);
        }
    }
    pieces.push(start..count);
    pieces
}

fn part(texts: &[&str], analyzer: &Analyzer, cancel: &Cancel) -> Result<Part> {
    let mut part = Part { words: WordTable::new(), ..Part::default() };
    let mut lowered = String::new();
    for (at, text) in texts.iter().enumerate() {
        if at.is_multiple_of(POLL) {
            cancel.check()?;
        }
        let before = part.tokens.len();
        let text = analyzer.prepared(text, &mut lowered);
        match analyzer.units {
            Units::Words => analyzer.each_word(text, |word| part.tokens.push(part.words.insert(word))),
            Units::Characters => {
                part.tokens.extend(analyzer.characters.squeezed(text).map(u32::from));
            }
            Units::CharactersInWords => {
                for word in analyzer.characters.split(text) {
                    let start = part.tokens.len();
                    part.tokens.push(u32::from(' '));
                    part.tokens.extend(word.chars().map(u32::from));
                    part.tokens.push(u32::from(' '));
                    part.sentences.push((part.tokens.len() - start) as u32);
                }
            }
        }
        part.rows.push((part.tokens.len() - before) as u32);
    }
    Ok(part)
}

fn words(parts: &[Part]) -> Result<Numbered> {
    let mut words = WordTable::new();
    let mut maps: Vec<Vec<u32>> =
        parts.iter().map(|part| part.words.iter().map(|word| words.insert(word)).collect()).collect();
    let mut order: Vec<u32> = (0..words.len() as u32).collect();
    order.par_sort_unstable_by(|&a, &b| words.word(a).cmp(words.word(b)));
    let mut ranks = vec![0; order.len()];
    for (rank, &number) in (0..).zip(&order) {
        ranks[number as usize] = rank;
    }
    maps.iter_mut().flatten().for_each(|number| *number = ranks[*number as usize]);
    let bound = order.len() as u32;
    joined(parts, |part, token| maps[part][token as usize], bound, Names::Words(Arc::new(words), order))
}

fn characters(parts: &[Part]) -> Result<Numbered> {
    let mut seen = vec![false; char::MAX as usize + 1];
    parts.iter().flat_map(|part| &part.tokens).for_each(|&token| seen[token as usize] = true);
    let mut numbers = vec![0; seen.len()];
    let mut characters = Vec::new();
    for character in (0..).zip(&seen).filter_map(|(code, &seen)| char::from_u32(code).filter(|_| seen)) {
        numbers[character as usize] = characters.len() as u32;
        characters.push(character);
    }
    let bound = characters.len() as u32;
    joined(parts, |_, token| numbers[token as usize], bound, Names::Characters(characters))
}

/// All parts one after the other, with tokens replaced by what `number` says.
fn joined(
    parts: &[Part],
    number: impl Fn(usize, u32) -> u32 + Sync,
    bound: u32,
    names: Names,
) -> Result<Numbered> {
    let sizes: Vec<usize> = parts.iter().map(|part| part.tokens.len()).collect();
    let total = sizes.iter().sum();
    check_size(total)?;
    let mut tokens = vec![0; total];
    split(&mut tokens, &sizes).into_par_iter().zip(parts).enumerate().for_each(|(at, (target, part))| {
        for (slot, &token) in target.iter_mut().zip(&part.tokens) {
            *slot = number(at, token);
        }
    });
    let rows = ends(parts.iter().flat_map(|part| &part.rows));
    let has_sentences = parts.iter().any(|part| !part.sentences.is_empty());
    let offsets =
        if has_sentences { ends(parts.iter().flat_map(|part| &part.sentences)) } else { rows.clone() };
    Ok(Numbered { corpus: Corpus { tokens, offsets, bound }, rows, names })
}

/// Zero and the sums of the first lengths.
fn ends<'a>(lengths: impl Iterator<Item = &'a u32>) -> Vec<usize> {
    let mut end = 0;
    let sums = lengths.map(|&length| {
        end += length as usize;
        end
    });
    std::iter::once(0).chain(sums).collect()
}
