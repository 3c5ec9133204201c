//! Which test examples occur in training documents, by shared long n-grams (Brown et al. 2020, appendix C).
//!
//! Memory is that of the test examples; training documents go by. A rolling hash of each document's words asks a
//! bitmap whether the last words may be an n-gram of a test example. Where they may, the suffix automaton of the
//! examples is walked over the words themselves, so that no hash decides anything, and followed for as long as the
//! text goes on as an example does. Linear in the training text.

use std::sync::atomic::{AtomicU64, Ordering};

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::Corpus;
use crate::error::{NgramError, Result};
use crate::overlap::automaton::{Automaton, ROOT};
use crate::overlap::words::{Words, read};
use crate::words::WordTable;

/// Test examples, and what was found of them so far.
#[derive(Debug)]
pub struct Contamination {
    n: usize,
    min_length: usize,
    /// `None` for ids.
    words: Option<(WordTable, Words)>,
    tests: Corpus,
    automaton: Automaton,
    /// For each word of the examples, the state of the example up to it.
    states: Vec<u32>,
    /// Words of the shortest n-gram that is looked for.
    least: usize,
    /// Bits set at the hashes of all n-grams of `least` words.
    filter: Vec<u64>,
    /// By state, the longest match that ended there, and the first document that had it: see [`packed`].
    best: Vec<AtomicU64>,
}

/// What of an example occurs in the training documents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overlap {
    pub words: usize,
    /// N-grams of the example, and how many of them occur; none for an example that is too short to tell.
    pub ngrams: usize,
    pub found: usize,
    /// Words in some n-gram that occurs.
    pub covered: usize,
    /// The longest span of an n-gram or more that occurs as a whole, the first of equals.
    pub longest: usize,
    pub longest_start: usize,
    /// The number of a training document that has this span.
    pub document: Option<u64>,
}

/// Document numbers have this many bits.
const DOCUMENT_BITS: u32 = 40;
const DOCUMENT_MASK: u64 = (1 << DOCUMENT_BITS) - 1;
/// Longer matches count as this long.
const MAX_LENGTH: u32 = (1 << (u64::BITS - DOCUMENT_BITS)) - 1;
/// No word of the examples.
const UNKNOWN: u32 = u32::MAX;
/// Words of a document between two looks at the cancel flag.
const POLL: usize = 1 << 14;
/// The automaton's numbers are 32 bits wide and three times as many as words.
const MAX_WORDS: usize = 1 << 30;

/// The longest match first, then the first document: larger is better.
fn packed(length: u32, document: u64) -> u64 {
    u64::from(length.min(MAX_LENGTH)) << DOCUMENT_BITS | (DOCUMENT_MASK - document)
}

fn unpacked(best: u64) -> (u32, u64) {
    ((best >> DOCUMENT_BITS) as u32, DOCUMENT_MASK - (best & DOCUMENT_MASK))
}

impl Contamination {
    /// Look for n-grams of `n` words of these examples; one of fewer than `n` but at least `min_length` words is looked
    /// for as a whole.
    pub fn of_texts(
        tests: &[&str],
        words: Words,
        n: usize,
        min_length: usize,
        cancel: &Cancel,
    ) -> Result<Self> {
        let (corpus, table) = read(tests, words, cancel)?;
        Self::new(corpus, Some((table, words)), n, min_length, cancel)
    }

    /// As [`Self::of_texts`], for sequences of ids.
    pub fn of_ids(
        ids: &[u32],
        offsets: &[i64],
        n: usize,
        min_length: usize,
        cancel: &Cancel,
    ) -> Result<Self> {
        Self::new(Corpus::from_all_ids(ids, offsets)?, None, n, min_length, cancel)
    }

    fn new(
        tests: Corpus,
        words: Option<(WordTable, Words)>,
        n: usize,
        min_length: usize,
        cancel: &Cancel,
    ) -> Result<Self> {
        if min_length == 0 || n < min_length {
            let message = format!("n is {n} and min_length {min_length}, expected 1 <= min_length <= n");
            return Err(NgramError::InvalidArgument(message));
        }
        if tests.tokens.len() > MAX_WORDS {
            let message = format!("the tests have {} words, more than {MAX_WORDS}", tests.tokens.len());
            return Err(NgramError::Limit(message));
        }
        let mut automaton = Automaton::new();
        let mut states = Vec::with_capacity(tests.tokens.len());
        for sentence in tests.sentences() {
            cancel.check()?;
            let mut last = ROOT;
            for (at, &word) in tests.tokens[sentence].iter().enumerate() {
                if at.is_multiple_of(POLL) {
                    cancel.check()?;
                }
                last = automaton.extend(last, word);
                states.push(last);
            }
        }
        let lengths = tests.sentences().map(|sentence| sentence.len().min(n));
        // If every example is too short, no text has a match.
        let least = lengths.filter(|&length| length >= min_length).min().unwrap_or(MAX_WORDS + 1);
        let best = (0..automaton.len()).map(|_| AtomicU64::new(0)).collect();
        let mut made =
            Self { n, min_length, words, tests, automaton, states, least, filter: Vec::new(), best };
        made.fill_filter();
        Ok(made)
    }

    /// Sixteen bits for each n-gram: one in sixteen others passes.
    fn fill_filter(&mut self) {
        let bits = (self.tests.tokens.len() * 16).next_power_of_two().max(1 << 12);
        let mut filter = vec![0u64; bits / 64];
        for sentence in self.tests.sentences() {
            let mut rolling = Rolling::new(self.least);
            for position in sentence.clone() {
                let old = position.checked_sub(self.least).filter(|&old| old >= sentence.start);
                let hash = rolling.push(self.tests.tokens[position], old.map(|old| self.tests.tokens[old]));
                if position + 1 - sentence.start >= self.least {
                    let bit = hash as usize % bits;
                    filter[bit / 64] |= 1 << (bit % 64);
                }
            }
        }
        self.filter = filter;
    }

    fn may_match(&self, hash: u64) -> bool {
        let bit = hash as usize % (self.filter.len() * 64);
        self.filter[bit / 64] >> (bit % 64) & 1 == 1
    }

    /// Look through training documents, the first of which has the number `first`.
    pub fn add_texts(&self, documents: &[&str], first: u64, cancel: &Cancel) -> Result<()> {
        let Some((table, words)) = &self.words else {
            return Err(NgramError::InvalidArgument("the tests are ids, but the documents texts".to_owned()));
        };
        check_last(first, documents.len())?;
        documents.par_iter().enumerate().try_for_each(|(at, document)| {
            cancel.check()?;
            let mut tokens = Vec::with_capacity(document.len() / 4);
            words.each(document, |word| tokens.push(table.get(word).unwrap_or(UNKNOWN)));
            self.scan(&tokens, first + at as u64, cancel)
        })
    }

    /// As [`Self::add_texts`], for sequences of ids.
    pub fn add_ids(&self, ids: &[u32], offsets: &[i64], first: u64, cancel: &Cancel) -> Result<()> {
        if self.words.is_some() {
            return Err(NgramError::InvalidArgument("the tests are texts, but the documents ids".to_owned()));
        }
        crate::corpus::check_offsets(offsets, ids.len())?;
        check_last(first, offsets.len())?;
        offsets.par_windows(2).enumerate().try_for_each(|(at, pair)| {
            self.scan(&ids[pair[0] as usize..pair[1] as usize], first + at as u64, cancel)
        })
    }

    /// Note every match of `least` words and more that ends somewhere in a document.
    fn scan(&self, tokens: &[u32], document: u64, cancel: &Cancel) -> Result<()> {
        let least = self.least as u32;
        let mut rolling = Rolling::new(self.least);
        // How many words before here are known; and the match that ends here, if it has `least` words.
        let mut known = 0;
        let mut current: Option<(u32, u32)> = None;
        for (at, &token) in tokens.iter().enumerate() {
            if at.is_multiple_of(POLL) {
                cancel.check()?;
            }
            if token == UNKNOWN {
                (known, current) = (0, None);
                rolling.sum = 0;
                continue;
            }
            let hash = rolling.push(token, (known >= self.least).then(|| tokens[at - self.least]));
            known += 1;
            current = current.and_then(|(state, length)| self.follow(state, length, token, least));
            if current.is_none() && known >= self.least && self.may_match(hash) {
                let last = &tokens[at + 1 - self.least..=at];
                let state = last.iter().try_fold(ROOT, |state, &word| self.automaton.next(state, word));
                current = state.map(|state| (state, least));
            }
            if let Some((state, length)) = current {
                self.best[state as usize].fetch_max(packed(length, document), Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// The longest match that ends with `token`, after the longest one before it; `None` if it has fewer than `least` words.
    fn follow(&self, mut state: u32, mut length: u32, token: u32, least: u32) -> Option<(u32, u32)> {
        while length + 1 >= least {
            if let Some(next) = self.automaton.next(state, token) {
                return Some((next, length + 1));
            }
            if state == ROOT {
                break;
            }
            state = self.automaton.links[state as usize];
            length = self.automaton.lengths[state as usize];
        }
        None
    }

    /// What was found of each example so far.
    pub fn overlaps(&self) -> Vec<Overlap> {
        let best = self.spread();
        let examples: Vec<_> = self.tests.sentences().collect();
        examples
            .into_par_iter()
            .map(|example| {
                let states = self.states[example].iter();
                let matches = states.zip(1..).map(|(&state, end): (_, u32)| {
                    let (length, document) = unpacked(best[state as usize]);
                    // A longer match has the whole example up to here at its end.
                    (length.min(end) as usize, document)
                });
                self.overlap(&matches.collect::<Vec<_>>())
            })
            .collect()
    }

    /// By state, the longest match that ends at all its places: its own, or that of a state that it links to. What was
    /// found at a state was found of all it links to.
    fn spread(&self) -> Vec<u64> {
        let mut best: Vec<u64> = self.best.iter().map(|best| best.load(Ordering::Relaxed)).collect();
        let (lengths, links) = (&self.automaton.lengths, &self.automaton.links);
        let mut order: Vec<u32> = (1..best.len() as u32).collect();
        order.sort_unstable_by_key(|&state| (lengths[state as usize], state));
        for &state in order.iter().rev() {
            let (own, link) = (best[state as usize], links[state as usize] as usize);
            if own > 0 && link != ROOT as usize {
                best[link] = best[link].max(packed(lengths[link], unpacked(own).1));
            }
        }
        for &state in &order {
            best[state as usize] = best[state as usize].max(best[links[state as usize] as usize]);
        }
        best
    }

    /// From the longest match that ends at each word, and where.
    fn overlap(&self, matches: &[(usize, u64)]) -> Overlap {
        let words = matches.len();
        let mut overlap = Overlap { words, ..Overlap::default() };
        if words < self.min_length {
            return overlap;
        }
        let needed = words.min(self.n);
        overlap.ngrams = words + 1 - needed;
        let mut covered_from = words;
        for (at, &(length, document)) in matches.iter().enumerate().rev() {
            if length >= needed {
                overlap.found += 1;
                covered_from = covered_from.min(at + 1 - length);
                // Going backwards, the last of equals is the first.
                if length >= overlap.longest {
                    (overlap.longest, overlap.longest_start) = (length, at + 1 - length);
                    overlap.document = Some(document);
                }
            }
            overlap.covered += usize::from(covered_from <= at);
        }
        overlap
    }

    /// Words `start..start + length` of an example, as they are compared; `None` for ids.
    pub fn span(&self, example: usize, start: usize, length: usize) -> Option<String> {
        let (table, _) = self.words.as_ref()?;
        let begin = self.tests.offsets.get(example)? + start;
        let words = self.tests.tokens.get(begin..begin + length)?;
        Some(words.iter().map(|&word| table.word(word)).collect::<Vec<_>>().join(" "))
    }
}

fn check_last(first: u64, documents: usize) -> Result<()> {
    if first.saturating_add(documents as u64) > DOCUMENT_MASK {
        let message = format!("document numbers go up to {first} and more, allowed are {DOCUMENT_MASK}");
        return Err(NgramError::Limit(message));
    }
    Ok(())
}

/// The hash of the last words of a text: a polynomial, so that the oldest word can be taken out.
struct Rolling {
    sum: u64,
    /// The weight of the word that leaves.
    oldest: u64,
}

const BASE: u64 = 0xD605_BBB5_8C8A_BCFD;

impl Rolling {
    fn new(length: usize) -> Self {
        Self { sum: 0, oldest: BASE.wrapping_pow(length as u32) } // of at most MAX_WORDS + 1
    }

    /// Add a word and take out the `oldest`, once there are enough; returns the hash.
    #[inline]
    fn push(&mut self, word: u32, oldest: Option<u32>) -> u64 {
        let value = |word: u32| u64::from(word) + 1;
        self.sum = self.sum.wrapping_mul(BASE).wrapping_add(value(word));
        if let Some(oldest) = oldest {
            self.sum = self.sum.wrapping_sub(value(oldest).wrapping_mul(self.oldest));
        }
        let product = u128::from(self.sum) * 0x9E37_79B9_7F4A_7C15_u128;
        (product as u64) ^ (product >> 64) as u64
    }
}

#[cfg(test)]
#[path = "contamination_tests.rs"]
mod tests;
