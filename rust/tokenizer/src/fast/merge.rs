//! Merging the bytes of one piece, for pieces that no cache knows.
//!
//! Pieces of up to 256 bytes work on the stack: a candidate is the rank of the pair that starts at a position, with
//! the position below it, so that the smallest candidate is the leftmost pair of the lowest rank. Longer ones go to
//! [`merge_all`], which is never quadratic.

use crate::model::bpe::{Merges, NO_RANK, Symbol, merge_all};

const POSITION_BITS: u32 = 8;
const POSITION_MASK: usize = 0xFF;
/// Larger than any candidate.
const NONE: i32 = i32::MAX;
/// Bytes of a piece that is merged on the stack.
const LONGEST: usize = 256;

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
            0..=16 => self.merge_one::<16, 32>(merges, piece, ids),
            17..=32 => self.merge_one::<32, 64>(merges, piece, ids),
            33..=64 => self.merge_one::<64, 128>(merges, piece, ids),
            _ => self.merge_one::<LONGEST, { 2 * LONGEST }>(merges, piece, ids),
        }
    }

    fn merge_one<const N: usize, const M: usize>(&self, merges: &Merges, piece: &[u8], ids: &mut Vec<u32>) {
        Word::<N, M>::new(self, piece).finish(merges, ids);
    }

    /// Append the ids of two pieces; returns where those of the second start.
    ///
    /// Merging waits for one lookup after the other; two pieces at a time wait together.
    pub(super) fn merge_two(&self, merges: &Merges, pieces: [&[u8]; 2], ids: &mut Vec<u32>) -> usize {
        let [first, second] = pieces;
        let longer = first.len().max(second.len());
        if longer > LONGEST || !self.unique {
            self.merge(merges, first, ids);
            let middle = ids.len();
            self.merge(merges, second, ids);
            return middle;
        }
        match longer {
            0..=16 => self.merge_both::<16, 32>(merges, first, second, ids),
            17..=32 => self.merge_both::<32, 64>(merges, first, second, ids),
            33..=64 => self.merge_both::<64, 128>(merges, first, second, ids),
            _ => self.merge_both::<LONGEST, { 2 * LONGEST }>(merges, first, second, ids),
        }
    }

    fn merge_both<const N: usize, const M: usize>(
        &self,
        merges: &Merges,
        first: &[u8],
        second: &[u8],
        ids: &mut Vec<u32>,
    ) -> usize {
        let (mut first, mut second) = (Word::<N, M>::new(self, first), Word::<N, M>::new(self, second));
        while first.step(merges) & second.step(merges) {}
        while first.step(merges) {}
        while second.step(merges) {}
        first.push_ids(ids);
        let middle = ids.len();
        second.push_ids(ids);
        middle
    }
}

/// Append what merging makes of up to [`LONGEST`] tokens of characters; false if there are more.
///
/// Only for merges whose result is spelled as its two parts together: then no two pairs of the same place and result
/// follow each other, and the general merge, which may mistake one for the other, does the same.
pub(super) fn merge_tokens(merges: &Merges, tokens: &[u32], ids: &mut Vec<u32>) -> bool {
    match tokens.len() {
        0..=16 => Word::<16, 32>::of(merges, tokens).finish(merges, ids),
        17..=32 => Word::<32, 64>::of(merges, tokens).finish(merges, ids),
        33..=64 => Word::<64, 128>::of(merges, tokens).finish(merges, ids),
        65..=LONGEST => Word::<LONGEST, { 2 * LONGEST }>::of(merges, tokens).finish(merges, ids),
        _ => return false,
    }
    true
}

/// A piece of at most `N` bytes, a power of two, in the making; `M` is twice as much.
struct Word<const N: usize, const M: usize> {
    length: usize,
    tokens: [u32; N],
    /// A list of the positions where tokens start; the length of the piece ends it.
    next: [u16; N],
    previous: [u16; N],
    /// A tree of minima: the candidate of position `i` at `N + i`, the smaller of two children above them, the
    /// smallest at 1. Scalar all the way: vectors would wait for the single stores before them.
    tree: [i32; M],
}

impl<const N: usize, const M: usize> Word<N, M> {
    #[inline(always)]
    fn new(words: &ByteMerges, piece: &[u8]) -> Self {
        let token = |at: usize| words.bytes[usize::from(piece[at])];
        let rank = |at: usize| words.pairs[usize::from(piece[at]) << 8 | usize::from(piece[at + 1])];
        Self::start(piece.len().min(N), token, rank)
    }

    #[inline(always)]
    fn of(merges: &Merges, tokens: &[u32]) -> Self {
        let rank = |at: usize| merges.rank(tokens[at], tokens[at + 1]);
        Self::start(tokens.len().min(N), |at| tokens[at], rank)
    }

    /// From the tokens and the ranks of pairs of neighbours.
    #[inline(always)]
    fn start(length: usize, token: impl Fn(usize) -> u32, rank: impl Fn(usize) -> u32) -> Self {
        let mut word = Self { length, tokens: [0; N], next: [0; N], previous: [0; N], tree: [NONE; M] };
        for at in 0..length {
            word.tokens[at] = token(at);
            word.next[at] = at as u16 + 1;
            word.previous[at] = at.wrapping_sub(1) as u16;
        }
        for at in 1..length {
            word.tree[N + at - 1] = candidate(rank(at - 1), at - 1);
        }
        for node in (1..N).rev() {
            word.tree[node] = word.tree[2 * node].min(word.tree[2 * node + 1]);
        }
        word
    }

    #[inline(always)]
    fn finish(mut self, merges: &Merges, ids: &mut Vec<u32>) {
        while self.step(merges) {}
        self.push_ids(ids);
    }

    /// Replace the candidate of a position.
    #[inline(always)]
    fn set(&mut self, at: usize, candidate: i32) {
        let (mut node, mut smallest) = (N + at % N, candidate);
        self.tree[node % M] = smallest;
        while node > 1 {
            smallest = smallest.min(self.tree[(node ^ 1) % M]);
            node /= 2;
            self.tree[node % M] = smallest;
        }
    }

    /// Do the best merge; false if there is none.
    #[inline(always)]
    fn step(&mut self, merges: &Merges) -> bool {
        let best = self.tree[1];
        if best == NONE {
            return false;
        }
        let at = best as usize & POSITION_MASK;
        let id = merges.result((best >> POSITION_BITS) as u32);
        let right = usize::from(self.next[at % N]) % N;
        let after = usize::from(self.next[right]);
        self.tokens[at % N] = id;
        self.next[at % N] = after as u16;
        let mut merge = NONE;
        if after < self.length {
            self.previous[after % N] = at as u16;
            merge = candidate(merges.rank(id, self.tokens[after % N]), at);
        }
        if at > 0 {
            let before = usize::from(self.previous[at % N]);
            self.set(before, candidate(merges.rank(self.tokens[before % N], id), before));
        }
        self.set(right, NONE);
        self.set(at, merge);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::byte_level::BYTE_TO_CHAR;
    use crate::model::bpe::Vocabulary;

    /// All bytes, and merges that build on one another in many ways.
    fn toy() -> (Merges, ByteMerges) {
        let mut tokens: Vec<String> = BYTE_TO_CHAR.iter().map(char::to_string).collect();
        let pairs = [
            ("a", "b"),
            ("a", "a"),
            ("b", "c"),
            ("ab", "ab"),
            ("c", "ab"),
            ("ab", "c"),
            ("aa", "aa"),
            ("b", "a"),
        ];
        tokens.extend(pairs.iter().map(|(left, right)| [*left, *right].concat()));
        let vocabulary =
            Vocabulary::new(tokens.iter().map(String::as_str).zip(0..tokens.len() as u32)).unwrap();
        let merges = Merges::new(pairs.into_iter(), &vocabulary, "").unwrap();
        let bytes = std::array::from_fn(|byte| byte as u32);
        let words = ByteMerges::new(&merges, &bytes);
        (merges, words)
    }

    proptest! {
        #[test]
        fn one_and_two_at_a_time_give_what_the_general_merge_gives(first in "[abc]{0,300}", second in "[abcd]{0,80}") {
            let (merges, words) = toy();
            let general = |text: &str| {
                let mut symbols: Vec<_> = text.bytes().map(|byte| Symbol { id: u32::from(byte), len: 1 }).collect();
                merge_all(&mut symbols, &merges);
                symbols.iter().map(|symbol| symbol.id).collect::<Vec<_>>()
            };
            let (one, two) = (general(&first), general(&second));
            let mut ids = Vec::new();
            words.merge(&merges, first.as_bytes(), &mut ids);
            prop_assert_eq!(&ids, &one);
            ids.clear();
            let middle = words.merge_two(&merges, [first.as_bytes(), second.as_bytes()], &mut ids);
            prop_assert_eq!((&ids[..middle], &ids[middle..]), (&*one, &*two));
        }
    }
}
