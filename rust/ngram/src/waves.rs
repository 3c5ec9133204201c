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

use crate::layout::Layout;
use crate::model::Score;
use crate::query::Ends;
use crate::view::View;

/// Words that are worked on at once: as many as keep what was asked for in the nearest cache.
const BLOCK: usize = 64;

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
    let total: usize = sequences.iter().map(|range| range.len() + 2).sum();
    let mut block = Block::new(view, total.min(BLOCK + memory));
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
            if block.positions.len() >= BLOCK {
                cancel.check()?;
                block.score(&mut each);
            }
            // Of what was scored before, the words that can matter come again, as contexts.
            let start = scored.saturating_sub(memory);
            let end = length.min(scored + (BLOCK - block.positions.len()));
            block.add(
                Piece { sequence, place: scored - begin, start: block.positions.len() + scored - start },
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

/// A word of a block.
struct Position {
    word: u32,
    /// Whether the position before is the word before.
    joined: bool,
    /// The place of the longest n-gram found that ends here, its order, and its probability.
    place: u32,
    length: u32,
    log10: f32,
}

struct Block<'a, L: Layout> {
    view: View<'a, L>,
    pieces: Vec<Piece>,
    positions: Vec<Position>,
    /// Of each position, the weights of the contexts of order 1, 2, ... that do not have its word as a continuation.
    backoffs: Vec<f32>,
    /// The positions with an n-gram of the current order, and of the next one.
    found: Vec<u32>,
    next: Vec<u32>,
    wanted: Vec<Wanted<L::Search>>,
}

/// A continuation to be searched for.
struct Wanted<S> {
    /// The position of its word.
    at: u32,
    /// The place of the n-gram that it continues.
    context: u32,
    search: S,
}

impl<'a, L: Layout> Block<'a, L> {
    /// An empty block with room for `size` words.
    fn new(view: View<'a, L>, size: usize) -> Self {
        Self {
            view,
            pieces: Vec::new(),
            positions: Vec::with_capacity(size),
            backoffs: Vec::with_capacity(size * (view.levels.order() - 1)),
            found: Vec::with_capacity(size),
            next: Vec::with_capacity(size),
            wanted: Vec::with_capacity(size),
        }
    }

    fn add(&mut self, piece: Piece, words: impl Iterator<Item = u32>) {
        let first = self.positions.len();
        for word in words {
            self.view.levels.prefetch_unigram(word);
            let joined = self.positions.len() > first;
            self.positions.push(Position { word, joined, place: word, length: 1, log10: 0.0 });
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
        let ends = self.pieces.iter().skip(1).map(|piece| piece.start).chain([self.positions.len()]);
        for (piece, end) in self.pieces.iter().zip(ends) {
            // The contexts of the next piece lie before its start.
            for (at, position) in (piece.start..end).zip(&self.positions[piece.start..end]) {
                if at > piece.start && !position.joined {
                    break;
                }
                let weights = &self.backoffs[at * (order - 1)..(at + 1) * (order - 1)];
                let backoff = weights.iter().rev().fold(0.0, |sum, weight| sum + weight);
                let score = Score { log10: position.log10 + backoff, length: position.length };
                each(piece.sequence, piece.place + at - piece.start, position.word, score);
            }
        }
        self.pieces.clear();
        self.positions.clear();
    }

    fn unigrams(&mut self) {
        let count = self.positions.len();
        for position in &mut self.positions {
            position.log10 = self.view.levels.log10(1, position.word as usize);
        }
        self.backoffs.clear();
        self.backoffs.resize(count * (self.view.levels.order() - 1), 0.0);
        self.found.clear();
        self.found.extend(0..count as u32);
    }

    /// Ask for the continuations, by the words after them, of the n-grams of order `k`.
    fn ask(&mut self, k: usize) {
        self.wanted.clear();
        let (levels, bound) = (self.view.levels, self.view.vocabulary.size());
        for &before in &self.found {
            let context = self.positions[before as usize].place;
            let at = before as usize + 1;
            let Some(position) = self.positions.get(at).filter(|position| position.joined) else { continue };
            if position.length == k as u32 {
                let search = levels.ask(k, context, position.word, bound);
                self.wanted.push(Wanted { at: before + 1, context, search });
            } else {
                self.backoffs[at * (levels.order() - 1) + k - 1] = levels.backoff(k, context);
            }
        }
    }

    /// Go on with the searches.
    fn refine(&mut self, k: usize) {
        let (levels, bound) = (self.view.levels, self.view.vocabulary.size());
        for wanted in &mut self.wanted {
            levels.refine(k, &mut wanted.search, bound);
        }
    }

    /// Find what was asked for, and ask for what it will be as a context.
    fn search(&mut self, k: usize) {
        self.next.clear();
        let levels = self.view.levels;
        for Wanted { at, context, search } in self.wanted.drain(..) {
            if let Some(found) = levels.answer(k, search) {
                let position = &mut self.positions[at as usize];
                position.place = found as u32;
                position.length = k as u32 + 1;
                position.log10 = levels.log10(k + 1, found);
                self.next.push(at);
                if k + 1 < levels.order() {
                    levels.prefetch_context(k + 1, found as u32);
                }
            } else {
                self.backoffs[at as usize * (levels.order() - 1) + k - 1] = levels.backoff(k, context);
            }
        }
        std::mem::swap(&mut self.found, &mut self.next);
    }
}
