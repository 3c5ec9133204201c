//! Which tokens merging really reaches: encoding the bytes of such a token gives that token.
//!
//! A vocabulary may hold tokens that its own merges never make, because another merge takes a part away first; a
//! table of words with those would be wrong. Instead of merging every token anew, the merge of its two halves is undone
//! step by step along the boundary between them, looking for a pair across the boundary that would have merged
//! earlier (the compatibility test of rust-gems' `bpe` crate, on ranks instead of ids). A few lookups per token.

use crate::model::bpe::{Bpe, Merges};

/// For each id whether merging its bytes gives it; only for models in which no token has two merges.
pub(super) struct Reached {
    /// The merge that makes a token, as rank + 1 and its halves; rank 0 for tokens that nothing makes.
    made: Vec<Made>,
    reached: Vec<bool>,
}

#[derive(Clone, Copy, Default)]
struct Made {
    rank: u32,
    left: u32,
    right: u32,
}

impl Reached {
    /// `bytes`: the tokens of single bytes.
    pub(super) fn new(bpe: &Bpe, bytes: &[u32; 256]) -> Option<Self> {
        let merges = bpe.merges();
        if !merges.has_unique_results() {
            return None;
        }
        let bound = bpe.vocabulary().id_bound();
        let mut this = Self { made: vec![Made::default(); bound], reached: vec![false; bound] };
        for (rank, &(left, right)) in (1u32..).zip(merges.pairs()) {
            if let Some(merge) = merges.get(left, right) {
                this.made[merge.id as usize] = Made { rank, left, right };
            }
        }
        for &byte in bytes {
            // A byte that is also the result of a merge is no base to stand on.
            if this.made[byte as usize].rank != 0 {
                return None;
            }
            this.reached[byte as usize] = true;
        }
        // Halves have lower ranks than the whole, or the whole is not reached.
        for &(left, right) in merges.pairs() {
            if let Some(merge) = merges.get(left, right) {
                let halves = this.reached[left as usize] && this.reached[right as usize];
                this.reached[merge.id as usize] =
                    halves && this.stays_apart(merges, left, right, merge.rank + 1);
            }
        }
        Some(this)
    }

    pub(super) fn get(&self, id: u32) -> bool {
        self.reached.get(id as usize).copied().unwrap_or(false)
    }

    /// Whether no pair across the boundary between two reached tokens merges before `limit`, or before what it takes
    /// to make them.
    fn stays_apart(&self, merges: &Merges, mut left: u32, mut right: u32, mut limit: u32) -> bool {
        let mut first = true;
        loop {
            let crossing = merges.get(left, right).map(|merge| merge.rank + 1);
            if !first && crossing.is_some_and(|rank| rank < limit) {
                return false;
            }
            first = false;
            let (made_left, made_right) = (self.made[left as usize], self.made[right as usize]);
            if made_left.rank == 0 && made_right.rank == 0 {
                return true;
            }
            // Undo the later of the two merges. Of equal ranks the left one goes first.
            if made_left.rank > made_right.rank {
                limit = made_left.rank;
                left = made_left.right;
            } else {
                limit = made_right.rank + 1;
                right = made_right.left;
            }
        }
    }
}
