//! Which pairs of tokens merge, at which rank, into what.

use crate::error::{Result, TokenizerError};
use crate::model::bpe::Vocabulary;

/// A merge: pairs of lower rank go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    pub rank: u32,
    pub id: u32,
}

/// A hash table whose slots are single words, left id, right id and rank packed, so that it stays small: encoding
/// waits for memory more than for anything else. Most pairs that are asked for do not merge; a filter of a few bits
/// per pair, smaller still, answers for nearly all of those.
#[derive(Debug, Clone)]
pub struct Merges {
    slots: Vec<u64>,
    filter: Vec<u64>,
    /// (left, right) by rank, as in the file.
    pairs: Vec<(u32, u32)>,
    /// What a merge makes, by rank.
    results: Vec<u32>,
    /// 64 minus the number of bits of a position in the filter.
    shift: u32,
    /// No token is the result of two different pairs.
    unique_results: bool,
}

const ID_BITS: u32 = 21;
const RANK_BITS: u32 = 64 - 2 * ID_BITS;
/// No id of a merge reaches this, and no rank of one the other.
pub const MAX_IDS: usize = 1 << ID_BITS;
pub const MAX_MERGES: usize = (1 << RANK_BITS) - 1;

/// The rank of pairs that do not merge.
pub const NO_RANK: u32 = u32::MAX;

const VACANT: u64 = u64::MAX;

/// Bits of the filter for each pair, before rounding up: one in 16 or fewer are set.
const FILTER_BITS: usize = 16;

#[inline(always)]
fn key(left: u32, right: u32) -> u64 {
    u64::from(left) << ID_BITS | u64::from(right)
}

#[inline(always)]
fn hash(key: u64) -> u64 {
    let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash ^ hash >> 29
}

impl Merges {
    /// From the pairs of a file, in order of rank; a pair that occurs twice has its last rank, as in the
    /// reference.
    ///
    /// # Errors
    /// A pair whose parts or whose result are not in the vocabulary; more than [`MAX_IDS`] or [`MAX_MERGES`].
    pub fn new<'a>(
        pairs: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
        vocabulary: &Vocabulary,
        continuing_subword_prefix: &str,
    ) -> Result<Self> {
        let mut merges = Self::with_capacity(pairs.len(), vocabulary.id_bound())?;
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
            // As in the reference, by length: a second half that lacks the prefix loses as many bytes.
            result.push_str(right.get(continuing_subword_prefix.len()..).ok_or_else(|| {
                let message =
                    format!("{right:?} continues a token, but is shorter than {continuing_subword_prefix:?}");
                TokenizerError::at(format!("model.merges[{rank}]"), message)
            })?);
            let (left_id, right_id, id) = (find(left)?, find(right)?, find(&result)?);
            merges.insert(key(left_id, right_id), rank as u32);
            merges.pairs.push((left_id, right_id));
            merges.results.push(id);
            merges.unique_results &= !std::mem::replace(&mut made[id as usize], true);
        }
        Ok(merges)
    }

    /// From ids, (left, right, result) in order of rank; all below `id_bound`.
    pub(crate) fn from_ids(triples: &[(u32, u32, u32)], id_bound: usize) -> Result<Self> {
        let mut merges = Self::with_capacity(triples.len(), id_bound)?;
        let mut made = vec![false; id_bound];
        for (rank, &(left, right, id)) in (0..).zip(triples) {
            merges.insert(key(left, right), rank);
            merges.pairs.push((left, right));
            merges.results.push(id);
            merges.unique_results &= !std::mem::replace(&mut made[id as usize], true);
        }
        Ok(merges)
    }

    fn with_capacity(count: usize, id_bound: usize) -> Result<Self> {
        for (what, found, limit) in [("ids of a BPE model", id_bound, MAX_IDS), ("merges", count, MAX_MERGES)]
        {
            if found > limit {
                return Err(TokenizerError::Limit { what, found, limit });
            }
        }
        let bits = (count * FILTER_BITS).next_power_of_two().max(64);
        Ok(Self {
            slots: vec![VACANT; count + count / 2 + 4],
            filter: vec![0; bits / 64],
            pairs: Vec::with_capacity(count),
            results: Vec::with_capacity(count),
            shift: 64 - bits.trailing_zeros(),
            unique_results: true,
        })
    }

    fn insert(&mut self, key: u64, rank: u32) {
        let hash = hash(key);
        let bit = hash >> self.shift;
        self.filter[(bit / 64) as usize] |= 1 << (bit % 64);
        let mut index = self.first_slot(hash);
        while self.slots[index] != VACANT && self.slots[index] >> RANK_BITS != key {
            index = (index + 1) % self.slots.len();
        }
        self.slots[index] = key << RANK_BITS | u64::from(rank);
    }

    /// Where the search for a pair begins.
    #[inline(always)]
    fn first_slot(&self, hash: u64) -> usize {
        // The lower half, as the upper bits are those of the filter.
        (((hash & 0xFFFF_FFFF) * self.slots.len() as u64) >> 32) as usize
    }

    /// The rank of a pair, or [`NO_RANK`].
    #[inline(always)]
    pub fn rank(&self, left: u32, right: u32) -> u32 {
        let key = key(left, right);
        let hash = hash(key);
        let bit = hash >> self.shift;
        if self.filter[(bit / 64) as usize] >> (bit % 64) & 1 == 0 {
            return NO_RANK;
        }
        self.search(hash, key)
    }

    #[inline]
    fn search(&self, hash: u64, key: u64) -> u32 {
        let from = self.first_slot(hash);
        for &slot in self.slots[from..].iter().chain(&self.slots[..from]) {
            if slot == VACANT {
                break;
            }
            if slot >> RANK_BITS == key {
                return (slot & ((1 << RANK_BITS) - 1)) as u32;
            }
        }
        NO_RANK
    }

    /// What the merge of a rank makes.
    #[inline(always)]
    pub fn result(&self, rank: u32) -> u32 {
        self.results[rank as usize]
    }

    #[inline]
    pub fn get(&self, left: u32, right: u32) -> Option<Merge> {
        let rank = self.rank(left, right);
        let &id = self.results.get(rank as usize)?;
        Some(Merge { rank, id })
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
