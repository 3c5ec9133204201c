//! Which pairs of tokens merge, at which rank, into what.

use crate::error::{Result, TokenizerError};
use crate::model::bpe::Vocabulary;

/// A merge: pairs of lower rank go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    pub rank: u32,
    pub id: u32,
}

/// Slots hold (left, right, rank, merged id): one lookup touches one cache line as a rule. Most pairs that are asked
/// for do not merge; a filter of one bit a pair, small enough to stay in cache, answers for nearly all of those.
#[derive(Debug, Clone)]
pub struct Merges {
    slots: Vec<Slot>,
    filter: Vec<u64>,
    /// (left, right) by rank, as in the file.
    pairs: Vec<(u32, u32)>,
    /// 64 minus the number of bits of a position in the filter.
    shift: u32,
    /// No token is the result of two different pairs.
    unique_results: bool,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    left: u32,
    right: u32,
    rank: u32,
    id: u32,
}

impl Slot {
    #[inline(always)]
    fn is(&self, left: u32, right: u32) -> bool {
        self.left == left && self.right == right
    }

    #[inline(always)]
    fn is_vacant(&self) -> bool {
        self.rank == EMPTY
    }
}

/// Bits of the filter for each pair, before rounding up: one in 16 or fewer are set.
const FILTER_BITS: usize = 16;

#[inline(always)]
fn hash(left: u32, right: u32) -> u64 {
    let hash = (u64::from(left) << 32 | u64::from(right)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash ^ hash >> 29
}

const EMPTY: u32 = u32::MAX;
const VACANT: Slot = Slot { left: EMPTY, right: EMPTY, rank: EMPTY, id: EMPTY };

impl Merges {
    /// From the pairs of a file, in order of rank; a pair that occurs twice has its last rank, as in the
    /// reference.
    ///
    /// # Errors
    /// A pair whose parts or whose result are not in the vocabulary.
    pub fn new<'a>(
        pairs: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
        vocabulary: &Vocabulary,
        continuing_subword_prefix: &str,
    ) -> Result<Self> {
        let bits = (pairs.len() * FILTER_BITS).next_power_of_two().max(64);
        let mut merges = Self {
            slots: vec![VACANT; pairs.len() + pairs.len() / 2 + 4],
            filter: vec![0; bits / 64],
            pairs: Vec::with_capacity(pairs.len()),
            shift: 64 - bits.trailing_zeros(),
            unique_results: true,
        };
        let mut made = vec![false; vocabulary.id_bound()];
        let mut result = String::new();
        for (rank, (left, right)) in pairs.enumerate() {
            let find = |token: &str| {
                vocabulary.id(token).ok_or_else(|| {
                    let message =
                        format!("{token:?} of the merge {left:?} + {right:?} is not in the vocabulary");
                    TokenizerError::at(format!("model.merges[{rank}]"), message)
                })
            };
            result.clear();
            result.push_str(left);
            result.push_str(right.strip_prefix(continuing_subword_prefix).unwrap_or(right));
            let (left_id, right_id, id) = (find(left)?, find(right)?, find(&result)?);
            merges.insert(Slot { left: left_id, right: right_id, rank: rank as u32, id });
            merges.pairs.push((left_id, right_id));
            merges.unique_results &= !std::mem::replace(&mut made[id as usize], true);
        }
        Ok(merges)
    }

    fn insert(&mut self, new: Slot) {
        let hash = hash(new.left, new.right);
        let bit = hash >> self.shift;
        self.filter[(bit / 64) as usize] |= 1 << (bit % 64);
        let mut index = self.first_slot(hash);
        while !self.slots[index].is_vacant() && !self.slots[index].is(new.left, new.right) {
            index = (index + 1) % self.slots.len();
        }
        self.slots[index] = new;
    }

    /// Where the search for a pair begins.
    #[inline(always)]
    fn first_slot(&self, hash: u64) -> usize {
        // The lower half, as the upper bits are those of the filter.
        (((hash & 0xFFFF_FFFF) * self.slots.len() as u64) >> 32) as usize
    }

    #[inline(always)]
    pub fn get(&self, left: u32, right: u32) -> Option<Merge> {
        let hash = hash(left, right);
        let bit = hash >> self.shift;
        if self.filter[(bit / 64) as usize] >> (bit % 64) & 1 == 0 {
            return None;
        }
        self.search(hash, left, right)
    }

    #[inline]
    fn search(&self, hash: u64, left: u32, right: u32) -> Option<Merge> {
        let from = self.first_slot(hash);
        for slot in self.slots[from..].iter().chain(&self.slots[..from]) {
            if slot.is(left, right) {
                return Some(Merge { rank: slot.rank, id: slot.id });
            }
            if slot.is_vacant() {
                break;
            }
        }
        None
    }

    /// (left, right) by rank.
    pub fn pairs(&self) -> &[(u32, u32)] {
        &self.pairs
    }

    /// Whether no token is the result of two different pairs, so that a pair and its result name each other.
    pub fn has_unique_results(&self) -> bool {
        self.unique_results
    }
}
