//! The queue of pairs that may merge, the most frequent first, then the least.
//!
//! Most pairs are rare and are never looked at again, so rare ones lie unsorted in a bucket per count; a bucket is
//! made a heap when its turn comes. The few pairs above are in a heap. Pushing a rare pair is one write.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Counts below have a bucket each.
const BUCKETS: usize = 1 << 12;

/// A pair of ids as one number, in the order of the pair.
pub(super) type PairKey = u64;

pub(super) fn key(left: u32, right: u32) -> PairKey {
    u64::from(left) << 32 | u64::from(right)
}

pub(super) fn pair(key: PairKey) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}

/// Items `T` with counts; of equal counts the least item is first.
pub(super) struct Queue<T> {
    frequent: BinaryHeap<(u64, Reverse<T>)>,
    buckets: Vec<Vec<T>>,
    /// The items of the bucket `at`, all buckets above which are empty.
    current: BinaryHeap<Reverse<T>>,
    at: usize,
}

impl<T: Ord> Queue<T> {
    pub(super) fn new() -> Self {
        Self {
            frequent: BinaryHeap::new(),
            buckets: (0..BUCKETS).map(|_| Vec::new()).collect(),
            current: BinaryHeap::new(),
            at: 0,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, count: u64, item: T) {
        let bucket = count.min(BUCKETS as u64) as usize;
        if bucket == BUCKETS {
            self.frequent.push((count, Reverse(item)));
        } else if bucket == self.at {
            self.current.push(Reverse(item));
        } else {
            if bucket > self.at {
                self.turn_to(bucket);
                self.current.push(Reverse(item));
                return;
            }
            self.buckets[bucket].push(item);
        }
    }

    /// The first item, with the count it was pushed with.
    pub(super) fn pop(&mut self) -> Option<(u64, T)> {
        if let Some((count, Reverse(item))) = self.frequent.pop() {
            return Some((count, item));
        }
        while self.current.is_empty() {
            let next = self.buckets[..self.at].iter().rposition(|bucket| !bucket.is_empty())?;
            self.turn_to(next);
        }
        let Reverse(item) = self.current.pop()?;
        Some((self.at as u64, item))
    }

    fn turn_to(&mut self, bucket: usize) {
        let sorted = |Reverse(item)| item;
        let left = std::mem::take(&mut self.current).into_vec().into_iter().map(sorted);
        self.buckets[self.at].extend(left);
        self.at = bucket;
        let items = std::mem::take(&mut self.buckets[bucket]);
        self.current = items.into_iter().map(Reverse).collect::<Vec<_>>().into();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Pushes and pops in any order, as one sorted list would answer them.
        #[test]
        fn pops_are_those_of_a_sorted_list(
            steps in proptest::collection::vec(
                proptest::option::weighted(0.6, (prop_oneof![1u64..6, 4090u64..4100, Just(u64::MAX)], 0u64..9)),
                0..200,
            ),
        ) {
            let (mut queue, mut list) = (Queue::new(), Vec::new());
            for (entry, step) in (0u32..).zip(steps) {
                if let Some((count, pair)) = step {
                    queue.push(count, (pair, entry));
                    list.push((count, Reverse((pair, entry))));
                    list.sort_unstable();
                } else {
                    let expected = list.pop().map(|(count, item)| (count, item.0));
                    prop_assert_eq!(queue.pop(), expected);
                }
            }
        }
    }
}
