//! Merging the bytes of one piece, for pieces that no cache knows.
//!
//! Pieces of up to 256 bytes work on the stack: a candidate is the rank of the pair that starts at a position, with
//! the position below it, so that the smallest candidate is the leftmost pair of the lowest rank. Longer ones go to
//! [`merge_all`], which is never quadratic.

use crate::model::bpe::{Merges, NO_RANK, Symbol, merge_all};

const POSITION_BITS: u32 = 8;
/// Larger than any candidate; candidates are positive as signed numbers, which compare faster in vectors.
const NONE: i32 = i32::MAX;
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
        match piece.len() {
            0..=16 if self.unique => self.merge_on_stack::<16>(merges, piece, ids),
            17..=64 if self.unique => self.merge_on_stack::<64>(merges, piece, ids),
            65..=256 if self.unique => self.merge_on_stack::<256>(merges, piece, ids),
            _ => {
                let symbol = |&byte: &u8| Symbol { id: self.bytes[usize::from(byte)], len: 1 };
                let mut symbols: Vec<Symbol> = piece.iter().map(symbol).collect();
                merge_all(&mut symbols, merges);
                ids.extend(symbols.iter().map(|symbol| symbol.id));
            }
        }
    }

    /// `N` is a power of two, at least the length of the piece and at most 256.
    fn merge_on_stack<const N: usize>(&self, merges: &Merges, piece: &[u8], ids: &mut Vec<u32>) {
        let length = piece.len().min(N);
        let mut tokens = [0u32; N];
        // A list of the positions where tokens start; the length of the piece ends it.
        let mut next = [0u16; N];
        let mut previous = [0u16; N];
        let mut candidates = [NONE; N];
        for (at, &byte) in piece.iter().enumerate().take(N) {
            tokens[at] = self.bytes[usize::from(byte)];
            next[at] = at as u16 + 1;
            previous[at] = at.wrapping_sub(1) as u16;
        }
        for (at, pair) in piece.windows(2).enumerate().take(N) {
            candidates[at] = candidate(self.pairs[usize::from(pair[0]) << 8 | usize::from(pair[1])], at);
        }
        let groups = length.div_ceil(GROUP) * GROUP;
        loop {
            let best = smallest(&candidates[..groups]);
            if best == NONE {
                break;
            }
            let at = best as usize % N;
            let id = merges.result((best >> POSITION_BITS) as u32);
            let right = usize::from(next[at]) % N;
            let after = usize::from(next[right]);
            tokens[at] = id;
            next[at] = after as u16;
            candidates[right] = NONE;
            candidates[at] = NONE;
            if after < length {
                let after = after % N;
                previous[after] = at as u16;
                candidates[at] = candidate(merges.rank(id, tokens[after]), at);
            }
            if at > 0 {
                let before = usize::from(previous[at]) % N;
                candidates[before] = candidate(merges.rank(tokens[before], id), before);
            }
        }
        let mut at = 0;
        while at < length {
            ids.push(tokens[at % N]);
            at = usize::from(next[at % N]);
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
