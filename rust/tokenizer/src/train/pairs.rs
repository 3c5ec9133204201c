//! Counts of the pairs of neighbouring symbols, and the queue of those that may merge.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::hash::FastMap;

/// A pair that may merge: its count and, for ties, the smaller pair first; then where it occurs.
type Candidate = (u64, Reverse<(u32, u32)>, Reverse<usize>);

/// Counts by pair, the words that pairs were gained in since the last [`Pairs::enqueue_gained`], and the queue.
///
/// `tokenizers` keeps, for every entry of its queue, the words in which the pair appeared since its last entry.
/// A pair can have several entries (when different merges make the same token), each with its own words, and the
/// entries are merged one by one. The same is done here, because the resulting ranks depend on it.
#[derive(Default)]
pub(super) struct Pairs {
    indices: FastMap<u64, u32>,
    pairs: Vec<(u32, u32)>,
    counts: Vec<i64>,
    /// For every pair, the words that gained it; drained into the queue.
    gained: Vec<Vec<u32>>,
    touched: Vec<u32>,
    queue: BinaryHeap<Candidate>,
    /// The words of the queue's entries, by the entry's number.
    words: Vec<Vec<u32>>,
}

impl Pairs {
    fn index(&mut self, left: u32, right: u32) -> u32 {
        let next = self.pairs.len() as u32;
        let index = *self.indices.entry(u64::from(left) << 32 | u64::from(right)).or_insert(next);
        if index == next {
            self.pairs.push((left, right));
            self.counts.push(0);
            self.gained.push(Vec::new());
        }
        index
    }

    /// Change the count of a pair by `by`, because of `word`.
    pub(super) fn change(&mut self, left: u32, right: u32, by: i64, word: u32) {
        let index = self.index(left, right);
        self.counts[index as usize] += by;
        if by > 0 {
            let words = &mut self.gained[index as usize];
            if words.is_empty() {
                self.touched.push(index);
            }
            if words.last() != Some(&word) {
                words.push(word);
            }
        }
    }

    /// Put the pairs that were gained since the last call into the queue.
    pub(super) fn enqueue_gained(&mut self) {
        for index in self.touched.drain(..) {
            let words = std::mem::take(&mut self.gained[index as usize]);
            if let Ok(count @ 1..) = u64::try_from(self.counts[index as usize]) {
                self.queue.push((count, Reverse(self.pairs[index as usize]), Reverse(self.words.len())));
                self.words.push(words);
            }
        }
    }

    /// The most frequent pair, its count and the words it occurs in.
    pub(super) fn pop(&mut self) -> Option<((u32, u32), u64, Vec<u32>)> {
        while let Some((count, Reverse(pair), Reverse(entry))) = self.queue.pop() {
            let index = self.index(pair.0, pair.1);
            // `tokenizers` reads a count below zero, which `max_token_length` can cause, as a huge one.
            let current = self.counts[index as usize] as u64;
            if count == current {
                return Some((pair, count, std::mem::take(&mut self.words[entry])));
            }
            self.queue.push((current, Reverse(pair), Reverse(entry)));
        }
        None
    }
}
