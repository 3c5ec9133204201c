//! Merging the bytes of one piece, for pieces that no cache knows.
//!
//! Short pieces work in place on the stack: a candidate is the rank of the pair that starts at a position, with the
//! position below it, so that the smallest candidate is the leftmost pair of the lowest rank. Long ones go to
//! [`merge_all`], which is never quadratic.

use crate::model::bpe::{Merges, Symbol, merge_all};

/// Bytes of a piece that is merged on the stack.
const STACK: usize = 64;
const POSITION_BITS: u32 = 6;
const NONE: u32 = u32::MAX;
/// Candidates are compared in groups of this many.
const GROUP: usize = 16;

/// The merges in the form that pieces of bytes need.
pub(super) struct ByteMerges {
    /// The token of each byte.
    bytes: [u32; 256],
    /// For two bytes in a row, the rank of their merge.
    pairs: Box<[u32]>,
    /// What a merge makes, by rank.
    results: Vec<u32>,
    /// Candidates can be packed, and a pair and its result name each other.
    packed: bool,
}

impl ByteMerges {
    pub(super) fn new(merges: &Merges, bytes: &[u32; 256]) -> Self {
        let rank = |left: u32, right: u32| merges.get(left, right).map_or(NONE, |merge| merge.rank);
        let pairs =
            bytes.iter().flat_map(|&left| bytes.iter().map(move |&right| rank(left, right))).collect();
        let result = |&(left, right): &(u32, u32)| merges.get(left, right).map_or(NONE, |merge| merge.id);
        let results: Vec<u32> = merges.pairs().iter().map(result).collect();
        let packed = merges.has_unique_results() && results.len() < (NONE >> POSITION_BITS) as usize;
        Self { bytes: *bytes, pairs, results, packed }
    }

    /// Append the ids of `piece`.
    pub(super) fn merge(&self, merges: &Merges, piece: &[u8], ids: &mut Vec<u32>) {
        if piece.len() <= STACK && self.packed {
            self.merge_on_stack(merges, piece, ids);
        } else {
            let symbol = |&byte: &u8| Symbol { id: self.bytes[usize::from(byte)], len: 1 };
            let mut symbols: Vec<Symbol> = piece.iter().map(symbol).collect();
            merge_all(&mut symbols, merges);
            ids.extend(symbols.iter().map(|symbol| symbol.id));
        }
    }

    fn merge_on_stack(&self, merges: &Merges, piece: &[u8], ids: &mut Vec<u32>) {
        let length = piece.len();
        let mut tokens = [0u32; STACK];
        // A list of the positions where tokens start; one past the last position ends it.
        let mut next = [0u8; STACK + 1];
        let mut previous = [0u8; STACK + 1];
        let mut candidates = [NONE; STACK];
        for (at, &byte) in piece.iter().enumerate().take(STACK) {
            tokens[at] = self.bytes[usize::from(byte)];
            next[at] = at as u8 + 1;
            previous[at + 1] = at as u8;
        }
        let pack = |rank: u32, at: usize| if rank == NONE { NONE } else { rank << POSITION_BITS | at as u32 };
        for (at, pair) in piece.windows(2).enumerate().take(STACK) {
            let pair = usize::from(pair[0]) << 8 | usize::from(pair[1]);
            candidates[at] = pack(self.pairs[pair], at);
        }
        let groups = length.div_ceil(GROUP) * GROUP;
        loop {
            let best = smallest(&candidates[..groups]);
            if best == NONE {
                break;
            }
            let at = (best as usize) & (STACK - 1);
            let id = self.results[(best >> POSITION_BITS) as usize];
            let right = usize::from(next[at]) & (STACK - 1);
            let after = usize::from(next[right]);
            tokens[at] = id;
            next[at] = after as u8;
            candidates[right] = NONE;
            candidates[at] = NONE;
            if after < length {
                previous[after] = at as u8;
                let rank = merges.get(id, tokens[after]).map_or(NONE, |merge| merge.rank);
                candidates[at] = pack(rank, at);
            }
            if at > 0 {
                let before = usize::from(previous[at]) & (STACK - 1);
                let rank = merges.get(tokens[before], id).map_or(NONE, |merge| merge.rank);
                candidates[before] = pack(rank, before);
            }
        }
        let mut at = 0;
        while at < length {
            ids.push(tokens[at]);
            at = usize::from(next[at]);
        }
    }
}

#[inline(always)]
fn smallest(candidates: &[u32]) -> u32 {
    let mut lanes = [NONE; GROUP];
    for group in candidates.chunks_exact(GROUP) {
        for (lane, &candidate) in lanes.iter_mut().zip(group) {
            *lane = candidate.min(*lane);
        }
    }
    lanes.into_iter().fold(NONE, u32::min)
}
