//! Merging the bytes of pieces that no cache knows.
//!
//! Pieces of up to 256 bytes work on the stack, several of the shorter ones at a time. Inside, a token is a byte or
//! 256 and the rank of the merge that makes it, which saves looking that up. Longer pieces go to [`merge_all`], which
//! is never quadratic.

use std::ops::Range;

use super::pairs::{Pairs, Place};
use super::word::{LONGEST, Ranks, Word};
use crate::model::bpe::{Merges, Symbol, merge_all};

/// Pieces that are merged at a time.
const TOGETHER: usize = 8;

/// The merges in the form that pieces of bytes need.
pub(super) struct ByteMerges {
    /// The id of each byte.
    bytes: [u32; 256],
    /// None if a pair and its result do not name each other: then everything is left to [`merge_all`].
    table: Option<Table>,
}

struct Table {
    pairs: Pairs,
    /// For two bytes in a row, the rank of their merge.
    bytes: Box<[u32]>,
    /// The ids of bytes and of what the merges make.
    ids: Box<[u32]>,
}

impl Ranks for Table {
    type Lookup = Place;

    #[inline(always)]
    fn begin(&self, left: u32, right: u32) -> Place {
        let place = self.pairs.place(left, right);
        self.pairs.prefetch(place);
        place
    }

    #[inline(always)]
    fn finish(&self, place: Place) -> u32 {
        self.pairs.rank(place)
    }

    #[inline(always)]
    fn result(&self, rank: u32) -> u32 {
        256 + rank
    }
}

type ByteWord<const N: usize, const M: usize> = Word<Place, N, M>;

impl Table {
    fn new(merges: &Merges, bytes: &[u32; 256]) -> Option<Self> {
        const NO_TOKEN: u32 = u32::MAX;
        if !merges.has_unique_results() {
            return None;
        }
        let results = (0..merges.pairs().len() as u32).map(|rank| merges.result(rank));
        let ids: Box<[u32]> = bytes.iter().copied().chain(results).collect();
        let mut tokens = vec![NO_TOKEN; ids.iter().max().map_or(0, |&id| id as usize + 1)];
        for (token, &id) in (0..).zip(&ids) {
            if tokens[id as usize] == NO_TOKEN {
                tokens[id as usize] = token;
            } else if token >= 256 {
                // A byte that is also made by a merge has two names. Bytes that share one never occur.
                return None;
            }
        }
        let token = |id: u32| tokens.get(id as usize).copied().filter(|&token| token != NO_TOKEN);
        let pairs: Vec<_> =
            merges.pairs().iter().map(|&(left, right)| token(left).zip(token(right))).collect();
        let pairs = Pairs::new(&pairs, ids.len())?;
        let all = (0..256).flat_map(|left| (0..256).map(move |right| (left, right)));
        let bytes = all.map(|(left, right)| pairs.rank(pairs.place(left, right))).collect();
        Some(Self { pairs, bytes, ids })
    }

    #[inline(always)]
    fn start<const N: usize, const M: usize>(&self, word: &mut ByteWord<N, M>, piece: &[u8]) {
        let rank = |at: usize| self.bytes[usize::from(piece[at]) << 8 | usize::from(piece[at + 1])];
        word.start(piece.len(), |at| u32::from(piece[at]), rank);
    }

    #[inline(always)]
    fn push<const N: usize, const M: usize>(&self, word: &ByteWord<N, M>, ids: &mut Vec<u32>) {
        word.push_tokens(ids, |token| self.ids[token as usize]);
    }

    fn merge<const N: usize, const M: usize>(&self, piece: &[u8], ids: &mut Vec<u32>) {
        let mut word = ByteWord::<N, M>::empty();
        self.start(&mut word, piece);
        word.run(self);
        self.push(&word, ids);
    }

    /// Up to [`TOGETHER`] pieces, each a step in turn.
    fn merge_together<'a, const N: usize, const M: usize>(
        &self,
        pieces: impl Iterator<Item = &'a [u8]>,
        ids: &mut Vec<u32>,
        mut emit: impl FnMut(Range<usize>),
    ) {
        let mut words: [ByteWord<N, M>; TOGETHER] = std::array::from_fn(|_| Word::empty());
        let mut active: [usize; TOGETHER] = std::array::from_fn(|index| index);
        let mut count = 0;
        for (word, piece) in words.iter_mut().zip(pieces) {
            self.start(word, piece);
            count += 1;
        }
        let mut left = count;
        while left > 0 {
            let mut turn = 0;
            while turn < left {
                if words[active[turn]].begin(self) {
                    turn += 1;
                } else {
                    left -= 1;
                    active[turn] = active[left];
                }
            }
            for &index in &active[..left] {
                words[index].finish(self);
            }
        }
        for word in &words[..count] {
            let start = ids.len();
            self.push(word, ids);
            emit(start..ids.len());
        }
    }
}

impl ByteMerges {
    pub(super) fn new(merges: &Merges, bytes: &[u32; 256]) -> Self {
        Self { bytes: *bytes, table: Table::new(merges, bytes) }
    }

    /// Append the ids of `piece`.
    pub(super) fn merge(&self, merges: &Merges, piece: &[u8], ids: &mut Vec<u32>) {
        match (&self.table, piece.len()) {
            (Some(table), 0..=16) => table.merge::<16, 32>(piece, ids),
            (Some(table), 17..=32) => table.merge::<32, 64>(piece, ids),
            (Some(table), 33..=64) => table.merge::<64, 128>(piece, ids),
            (Some(table), 65..=LONGEST) => table.merge::<LONGEST, { 2 * LONGEST }>(piece, ids),
            _ => {
                let symbol = |&byte: &u8| Symbol { id: self.bytes[usize::from(byte)], len: 1 };
                let mut symbols: Vec<Symbol> = piece.iter().map(symbol).collect();
                merge_all(&mut symbols, merges);
                ids.extend(symbols.iter().map(|symbol| symbol.id));
            }
        }
    }

    /// Append the ids of pieces and emit the place of each, in order; fastest where neighbours are of like length.
    ///
    /// Merging waits for one lookup after the other; several pieces wait together.
    pub(super) fn merge_all<'a>(
        &self,
        merges: &Merges,
        mut pieces: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
        ids: &mut Vec<u32>,
        mut emit: impl FnMut(Range<usize>),
    ) {
        while pieces.len() > 0 {
            let group = pieces.clone().take(TOGETHER);
            match (&self.table, group.clone().map(<[u8]>::len).max().unwrap_or(0)) {
                (Some(table), 0..=16) => table.merge_together::<16, 16>(group, ids, &mut emit),
                (Some(table), 17..=32) => table.merge_together::<32, 32>(group, ids, &mut emit),
                _ => group.for_each(|piece| {
                    let start = ids.len();
                    self.merge(merges, piece, ids);
                    emit(start..ids.len());
                }),
            }
            pieces.nth(TOGETHER.min(pieces.len()) - 1);
        }
    }
}

/// Append what merging makes of up to [`LONGEST`] tokens of characters; false if there are more.
///
/// Only for merges whose result is spelled as its two parts together: then no two pairs of the same place and result
/// follow each other, and the general merge, which may mistake one for the other, does the same.
pub(super) fn merge_tokens(merges: &Merges, tokens: &[u32], ids: &mut Vec<u32>) -> bool {
    match tokens.len() {
        0..=16 => merge_word::<16, 32>(merges, tokens, ids),
        17..=32 => merge_word::<32, 64>(merges, tokens, ids),
        33..=64 => merge_word::<64, 128>(merges, tokens, ids),
        65..=LONGEST => merge_word::<LONGEST, { 2 * LONGEST }>(merges, tokens, ids),
        _ => return false,
    }
    true
}

fn merge_word<const N: usize, const M: usize>(merges: &Merges, tokens: &[u32], ids: &mut Vec<u32>) {
    let mut word = Word::<_, N, M>::empty();
    word.start(tokens.len(), |at| tokens[at], |at| merges.rank(tokens[at], tokens[at + 1]));
    word.run(merges);
    word.push_tokens(ids, |token| token);
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
        fn one_and_many_at_a_time_give_what_the_general_merge_gives(
            pieces in proptest::collection::vec(prop_oneof!["[abc]{0,16}", "[abcd]{0,32}", "[abc]{0,300}"], 0..20),
        ) {
            let (merges, words) = toy();
            let general = |text: &str| {
                let mut symbols: Vec<_> = text.bytes().map(|byte| Symbol { id: u32::from(byte), len: 1 }).collect();
                merge_all(&mut symbols, &merges);
                symbols.iter().map(|symbol| symbol.id).collect::<Vec<_>>()
            };
            let expected: Vec<_> = pieces.iter().map(|piece| general(piece)).collect();
            for (piece, expected) in pieces.iter().zip(&expected) {
                let mut ids = Vec::new();
                words.merge(&merges, piece.as_bytes(), &mut ids);
                prop_assert_eq!(&ids, expected);
            }
            let (mut ids, mut places) = (Vec::new(), Vec::new());
            let each = pieces.iter().map(String::as_bytes);
            words.merge_all(&merges, each, &mut ids, |place| places.push(place));
            let found: Vec<_> = places.into_iter().map(|place| ids[place].to_vec()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
