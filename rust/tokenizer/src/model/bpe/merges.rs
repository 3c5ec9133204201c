//! Which pairs of tokens merge, at which rank, into what.

use crate::error::{Result, TokenizerError};
use crate::model::bpe::Vocabulary;

/// A merge: pairs of lower rank go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    pub rank: u32,
    pub id: u32,
}

/// Slots hold (left, right, rank, merged id): one lookup touches one cache line as a rule.
#[derive(Debug, Clone)]
pub struct Merges {
    slots: Vec<Slot>,
    /// (left, right) by rank, as in the file.
    pairs: Vec<(u32, u32)>,
    /// 64 minus the number of bits of a slot index.
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
        let slots = (pairs.len() * 2).next_power_of_two().max(4);
        let mut merges = Self {
            slots: vec![VACANT; slots],
            pairs: Vec::with_capacity(pairs.len()),
            shift: 64 - slots.trailing_zeros(),
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
        let index = self.index(new.left, new.right);
        self.slots[index] = new;
    }

    /// The slot of the pair, or the empty one where it would go.
    #[inline]
    fn index(&self, left: u32, right: u32) -> usize {
        let mask = self.slots.len() - 1;
        let key = u64::from(left) << 32 | u64::from(right);
        let mut index = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize;
        loop {
            let slot = &self.slots[index & mask];
            if (slot.left == left && slot.right == right) || slot.rank == EMPTY {
                return index & mask;
            }
            index += 1;
        }
    }

    #[inline]
    pub fn get(&self, left: u32, right: u32) -> Option<Merge> {
        let slot = &self.slots[self.index(left, right)];
        (slot.rank != EMPTY).then_some(Merge { rank: slot.rank, id: slot.id })
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
