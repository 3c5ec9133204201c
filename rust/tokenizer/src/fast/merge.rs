//! Merging the bytes of one piece, for pieces that no cache knows.
//!
//! Pieces of up to 256 bytes work on the stack: a candidate is the rank of the pair that starts at a position, with
//! the position below it, so that the smallest candidate is the leftmost pair of the lowest rank. Longer ones go to
//! [`merge_all`], which is never quadratic.

use crate::model::bpe::{Merges, NO_RANK, Symbol, merge_all};

const POSITION_BITS: u32 = 8;
/// Larger than any candidate; candidates are positive as signed numbers, which compare faster in vectors.
const NONE: i32 = i32::MAX;
/// Bytes of a piece that is merged on the stack.
const LONGEST: usize = 256;
/// Candidates are compared in groups of this many.
const GROUP: usize = 16;

/// The merges in the form that pieces of bytes need.
pub(super) struct ByteMerges {
    /// The token of each byte.
    bytes: [u32; 256],
    /// For two bytes in a row, the rank of their merge.
    pairs: Box<[u32]>,
    /// A pair and its result name each other, which the work on the stack relies on.
    unique: bool,
}

impl ByteMerges {
    pub(super) fn new(merges: &Merges, bytes: &[u32; 256]) -> Self {
        let pairs = bytes.iter().flat_map(|&left| bytes.iter().map(move |&right| merges.rank(left, right)));
        Self { bytes: *bytes, pairs: pairs.collect(), unique: merges.has_unique_results() }
    }

    /// Append the ids of `piece`.
    pub(super) fn merge(&self, merges: &Merges, piece: &[u8], ids: &mut Vec<u32>) {
        if piece.len() > LONGEST || !self.unique {
            let symbol = |&byte: &u8| Symbol { id: self.bytes[usize::from(byte)], len: 1 };
            let mut symbols: Vec<Symbol> = piece.iter().map(symbol).collect();
            merge_all(&mut symbols, merges);
            ids.extend(symbols.iter().map(|symbol| symbol.id));
            return;
        }
        match piece.len() {
            0..=16 => self.merge_one::<16>(merges, piece, ids),
            17..=64 => self.merge_one::<64>(merges, piece, ids),
            _ => self.merge_one::<LONGEST>(merges, piece, ids),
        }
    }

    fn merge_one<const N: usize>(&self, merges: &Merges, piece: &[u8], ids: &mut Vec<u32>) {
        let mut word = Word::<N>::new(self, piece);
        while word.step(merges) {}
        word.push_ids(ids);
    }

    /// Append the ids of two pieces; returns where those of the second start.
    ///
    /// Merging waits for one lookup after the other; two pieces at a time wait together.
    pub(super) fn merge_two(
        &self,
        merges: &Merges,
        first: &[u8],
        second: &[u8],
        ids: &mut Vec<u32>,
    ) -> usize {
        let longer = first.len().max(second.len());
        if longer > LONGEST || !self.unique {
            self.merge(merges, first, ids);
            let middle = ids.len();
            self.merge(merges, second, ids);
            return middle;
        }
        match longer {
            0..=16 => self.merge_both::<16>(merges, first, second, ids),
            17..=64 => self.merge_both::<64>(merges, first, second, ids),
            _ => self.merge_both::<LONGEST>(merges, first, second, ids),
        }
    }

    fn merge_both<const N: usize>(
        &self,
        merges: &Merges,
        first: &[u8],
        second: &[u8],
        ids: &mut Vec<u32>,
    ) -> usize {
        let (mut first, mut second) = (Word::<N>::new(self, first), Word::<N>::new(self, second));
        while first.step(merges) & second.step(merges) {}
        while first.step(merges) {}
        while second.step(merges) {}
        first.push_ids(ids);
        let middle = ids.len();
        second.push_ids(ids);
        middle
    }
}

/// A piece of at most `N` bytes, a power of two, in the making.
struct Word<const N: usize> {
    length: usize,
    tokens: [u32; N],
    /// A list of the positions where tokens start; the length of the piece ends it.
    next: [u16; N],
    previous: [u16; N],
    candidates: [i32; N],
}

impl<const N: usize> Word<N> {
    #[inline(always)]
    fn new(words: &ByteMerges, piece: &[u8]) -> Self {
        let mut word = Self {
            length: piece.len().min(N),
            tokens: [0; N],
            next: [0; N],
            previous: [0; N],
            candidates: [NONE; N],
        };
        for (at, &byte) in piece.iter().enumerate().take(N) {
            word.tokens[at] = words.bytes[usize::from(byte)];
            word.next[at] = at as u16 + 1;
            word.previous[at] = at.wrapping_sub(1) as u16;
        }
        for (at, pair) in piece.windows(2).enumerate().take(N) {
            let rank = words.pairs[usize::from(pair[0]) << 8 | usize::from(pair[1])];
            word.candidates[at] = candidate(rank, at);
        }
        word
    }

    /// Do the best merge; false if there is none.
    #[inline(always)]
    fn step(&mut self, merges: &Merges) -> bool {
        let groups = self.length.div_ceil(GROUP) * GROUP;
        let best = smallest(&self.candidates[..groups]);
        if best == NONE {
            return false;
        }
        let at = best as usize % N;
        let id = merges.result((best >> POSITION_BITS) as u32);
        let right = usize::from(self.next[at]) % N;
        let after = usize::from(self.next[right]);
        self.tokens[at] = id;
        self.next[at] = after as u16;
        self.candidates[right] = NONE;
        self.candidates[at] = NONE;
        if after < self.length {
            let after = after % N;
            self.previous[after] = at as u16;
            self.candidates[at] = candidate(merges.rank(id, self.tokens[after]), at);
        }
        if at > 0 {
            let before = usize::from(self.previous[at]) % N;
            self.candidates[before] = candidate(merges.rank(self.tokens[before], id), before);
        }
        true
    }

    fn push_ids(&self, ids: &mut Vec<u32>) {
        let mut at = 0;
        while at < self.length {
            ids.push(self.tokens[at % N]);
            at = usize::from(self.next[at % N]);
        }
    }
}

#[inline(always)]
fn candidate(rank: u32, at: usize) -> i32 {
    if rank == NO_RANK { NONE } else { (rank << POSITION_BITS) as i32 | at as i32 }
}

#[inline(always)]
fn smallest(candidates: &[i32]) -> i32 {
    let mut lanes = [NONE; GROUP];
    for group in candidates.chunks_exact(GROUP) {
        for (lane, &candidate) in lanes.iter_mut().zip(group) {
            *lane = candidate.min(*lane);
        }
    }
    lanes.into_iter().fold(NONE, i32::min)
}
