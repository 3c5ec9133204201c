//! Scoring sequences order by order: all bigrams of a block of words, then all trigrams, and so on.
//!
//! The n-gram that ends at a word is a continuation of the one, shorter by a word, that ends at the word before. So the
//! n-grams of an order are found independently of each other, and while one waits for memory the others go on: what
//! each will need is asked for one pass ahead. The scores are those of [`View::step`], to the bit.
//!
//! A model is closed: with an n-gram it has all parts of it. A word whose n-gram of some order is missing has none of
//! a higher one, and costs no more searches.

use std::ops::Range;

use ferrolm_base::{Cancel, Cancelled};

use crate::layout::{Context, LONG, Layout, guess};
use crate::model::Score;
use crate::query::Ends;
use crate::view::View;

/// Words that are worked on at once: as many as keep what was asked for in the nearest cache.
const BLOCK: usize = 256;

/// Score each of `sequences` (ranges of positions, whose inner numbers `word_at` gives); `each` is called with the
/// sequence, how many of its words were scored before, the word and its score.
pub(crate) fn run<L: Layout>(
    view: View<'_, L>,
    sequences: &[Range<usize>],
    word_at: impl Fn(usize) -> u32,
    ends: Ends,
    cancel: &Cancel,
    mut each: impl FnMut(usize, usize, u32, Score),
) -> Result<(), Cancelled> {
    let markers = view.vocabulary.inner_markers();
    let memory = view.levels.order() - 1;
    let mut block = Block::new(view);
    for (sequence, range) in sequences.iter().enumerate() {
        let begin = usize::from(ends.begin);
        let length = begin + range.len() + usize::from(ends.end);
        let word = |at: usize| match at.checked_sub(begin) {
            None => markers.begin,
            Some(at) if at < range.len() => word_at(range.start + at),
            Some(_) => markers.end,
        };
        let mut scored = begin;
        while scored < length {
            if block.words.len() >= BLOCK {
                cancel.check()?;
                block.score(&mut each);
            }
            // Of what was scored before, the words that can matter come again, as contexts.
            let start = scored.saturating_sub(memory);
            let end = length.min(scored + (BLOCK - block.words.len()));
            block.add(
                Piece { sequence, place: scored - begin, start: block.words.len() + scored - start },
                (start..end).map(word),
            );
            scored = end;
        }
    }
    block.score(&mut each);
    Ok(())
}

/// The words of a sequence that are scored in a block.
struct Piece {
    sequence: usize,
    /// How many words of the sequence were scored before.
    place: usize,
    /// The position in the block of the first one.
    start: usize,
}

struct Block<'a, L> {
    view: View<'a, L>,
    pieces: Vec<Piece>,
    words: Vec<u32>,
    /// Whether the position before is the word before.
    joined: Vec<bool>,
    /// The place of the longest n-gram found that ends here, its order, and its probability.
    places: Vec<u32>,
    lengths: Vec<u32>,
    log10: Vec<f32>,
    /// Of each position, the weights of the contexts of order 1, 2, ... that do not have its word as a continuation.
    backoffs: Vec<f32>,
    /// The positions with an n-gram of the current order, and of the next one.
    found: Vec<usize>,
    next: Vec<usize>,
    wanted: Vec<Wanted>,
}

/// A continuation to be searched for.
struct Wanted {
    position: usize,
    context: Context,
    guess: usize,
}

impl<'a, L: Layout> Block<'a, L> {
    fn new(view: View<'a, L>) -> Self {
        Self {
            view,
            pieces: Vec::new(),
            words: Vec::new(),
            joined: Vec::new(),
            places: Vec::new(),
            lengths: Vec::new(),
            log10: Vec::new(),
            backoffs: Vec::new(),
            found: Vec::new(),
            next: Vec::new(),
            wanted: Vec::new(),
        }
    }

    fn add(&mut self, piece: Piece, words: impl Iterator<Item = u32>) {
        let first = self.words.len();
        for word in words {
            self.view.levels.prefetch_gram(1, word as usize);
            if self.view.levels.order() > 1 {
                self.view.levels.prefetch_context(1, word);
            }
            self.joined.push(self.words.len() > first);
            self.words.push(word);
        }
        self.pieces.push(piece);
    }

    /// Score what was added, and be empty again.
    fn score(&mut self, each: &mut impl FnMut(usize, usize, u32, Score)) {
        let order = self.view.levels.order();
        self.unigrams();
        for k in 1..order {
            self.ask(k);
            self.refine(k);
            self.search(k);
        }
        let ends = self.pieces.iter().skip(1).map(|piece| piece.start).chain([self.words.len()]);
        for (piece, end) in self.pieces.iter().zip(ends) {
            // The contexts of the next piece lie before its start.
            for position in
                (piece.start..end).take_while(|&position| position == piece.start || self.joined[position])
            {
                let weights = &self.backoffs[position * (order - 1)..(position + 1) * (order - 1)];
                let backoff = weights.iter().rev().fold(0.0, |sum, weight| sum + weight);
                let score = Score { log10: self.log10[position] + backoff, length: self.lengths[position] };
                each(piece.sequence, piece.place + position - piece.start, self.words[position], score);
            }
        }
        self.pieces.clear();
        self.words.clear();
        self.joined.clear();
    }

    fn unigrams(&mut self) {
        let count = self.words.len();
        self.places.clone_from(&self.words);
        self.lengths.clear();
        self.lengths.resize(count, 1);
        self.log10.clear();
        self.log10.extend(self.words.iter().map(|&word| self.view.levels.log10(1, word as usize)));
        self.backoffs.clear();
        self.backoffs.resize(count * (self.view.levels.order() - 1), 0.0);
        self.found.clear();
        self.found.extend(0..count);
    }

    /// Ask for the continuations, by the words after them, of the n-grams of order `k`.
    fn ask(&mut self, k: usize) {
        self.wanted.clear();
        let (levels, bound) = (self.view.levels, self.view.vocabulary.size());
        for &before in &self.found {
            let position = before + 1;
            if self.joined.get(position) != Some(&true) {
                continue;
            }
            let context = levels.context(k, self.places[before]);
            if self.lengths[position] == k as u32 {
                let guess = guess(context.end - context.start, self.words[position], bound);
                levels.prefetch_gram(k + 1, context.start + guess);
                self.wanted.push(Wanted { position, context, guess });
            } else {
                self.backoffs[position * (levels.order() - 1) + k - 1] = context.backoff;
            }
        }
    }

    /// Among many continuations, ask for a better guess.
    fn refine(&mut self, k: usize) {
        let (levels, bound) = (self.view.levels, self.view.vocabulary.size());
        for Wanted { position, context, guess } in &mut self.wanted {
            if context.end - context.start > LONG {
                *guess = levels.refine(k + 1, &context.children(), self.words[*position], *guess, bound);
                levels.prefetch_gram(k + 1, context.start + *guess);
            }
        }
    }

    /// Find what was asked for, and ask for what it will be as a context.
    fn search(&mut self, k: usize) {
        self.next.clear();
        let levels = self.view.levels;
        for Wanted { position, context, guess } in self.wanted.drain(..) {
            let word = self.words[position];
            if let Some(found) = levels.find_from(k + 1, context.children(), word, guess) {
                self.places[position] = found as u32;
                self.lengths[position] = k as u32 + 1;
                self.log10[position] = levels.log10(k + 1, found);
                self.next.push(position);
                if k + 1 < levels.order() {
                    levels.prefetch_context(k + 1, found as u32);
                }
            } else {
                self.backoffs[position * (levels.order() - 1) + k - 1] = context.backoff;
            }
        }
        std::mem::swap(&mut self.found, &mut self.next);
    }
}
