//! Applying merges to one piece: lowest rank first, leftmost first among equals.
//!
//! Two algorithms with equal results. Short pieces scan an array for the best pair after each merge (quadratic in a
//! small number, no allocation); long ones keep a heap of candidates over a linked list, O(n log n), so that no
//! input is quadratic.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::bpe::merges::{Merge, Merges};

/// A token of the piece and the bytes it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol {
    pub id: u32,
    pub len: u32,
}

/// Up to here scanning beats the heap (measured on words of English and on random letters).
const SCAN_LIMIT: usize = 40;

/// Merge `symbols` in place until no pair merges.
pub fn merge_all(symbols: &mut Vec<Symbol>, merges: &Merges) {
    if symbols.len() <= SCAN_LIMIT && merges.has_unique_results() {
        merge_by_scanning(symbols, merges);
    } else {
        merge_by_heap(symbols, merges);
    }
}

const NO_MERGE: Merge = Merge { rank: u32::MAX, id: u32::MAX };

fn merge_by_scanning(symbols: &mut Vec<Symbol>, merges: &Merges) {
    let mut candidates = [NO_MERGE; SCAN_LIMIT];
    let find = |pair: &[Symbol]| merges.get(pair[0].id, pair[1].id).unwrap_or(NO_MERGE);
    for (candidate, pair) in candidates.iter_mut().zip(symbols.windows(2)) {
        *candidate = find(pair);
    }
    let mut pairs = symbols.len().saturating_sub(1);
    while let Some((at, best)) = candidates[..pairs].iter().enumerate().min_by_key(|(_, merge)| merge.rank) {
        if best.rank == NO_MERGE.rank {
            break;
        }
        symbols[at] = Symbol { id: best.id, len: symbols[at].len + symbols[at + 1].len };
        symbols.remove(at + 1);
        candidates.copy_within(at + 1..pairs, at);
        pairs -= 1;
        if at < pairs {
            candidates[at] = find(&symbols[at..at + 2]);
        }
        if at > 0 {
            candidates[at - 1] = find(&symbols[at - 1..=at]);
        }
    }
}

/// A symbol in a doubly linked list; one merged into its left neighbour has length 0.
#[derive(Clone, Copy)]
struct Node {
    symbol: Symbol,
    previous: u32,
    next: u32,
}

const NONE: u32 = u32::MAX;

/// A pair that merges: rank, place of its left half, and what it becomes.
pub(super) type Candidate = (u32, u32, u32);

/// Symbols whose pairs are merged in any order.
pub(super) struct Merging<'a> {
    nodes: Vec<Node>,
    merges: &'a Merges,
}

impl<'a> Merging<'a> {
    /// With the candidates among the pairs of `symbols`.
    pub(super) fn new(symbols: &[Symbol], merges: &'a Merges) -> (Self, BinaryHeap<Reverse<Candidate>>) {
        let last = symbols.len().saturating_sub(1);
        let nodes = (0u32..)
            .zip(symbols)
            .map(|(at, &symbol)| Node {
                symbol,
                previous: at.wrapping_sub(1),
                next: if at as usize == last { NONE } else { at + 1 },
            })
            .collect();
        let candidates = (0u32..).zip(symbols.windows(2)).filter_map(|(at, pair)| {
            merges.get(pair[0].id, pair[1].id).map(|merge| Reverse((merge.rank, at, merge.id)))
        });
        // Heapified at once in linear time; a candidate is checked when it is popped, as its pair may be gone.
        (Self { nodes, merges }, candidates.collect::<Vec<_>>().into())
    }

    /// Merge a pair, if it is still there, and add the candidates that it makes.
    pub(super) fn merge(&mut self, (_, at, id): Candidate, queue: &mut BinaryHeap<Reverse<Candidate>>) {
        let (nodes, merges) = (&mut self.nodes, self.merges);
        let left = nodes[at as usize];
        if left.symbol.len == 0 || left.next == NONE {
            return;
        }
        let right = nodes[left.next as usize];
        if merges.get(left.symbol.id, right.symbol.id).is_none_or(|merge| merge.id != id) {
            return;
        }
        nodes[left.next as usize].symbol.len = 0;
        let merged = Symbol { id, len: left.symbol.len + right.symbol.len };
        nodes[at as usize] = Node { symbol: merged, next: right.next, ..left };
        if right.next != NONE {
            nodes[right.next as usize].previous = at;
            let after = nodes[right.next as usize].symbol.id;
            queue.extend(merges.get(id, after).map(|merge| Reverse((merge.rank, at, merge.id))));
        }
        if left.previous != NONE {
            let before = nodes[left.previous as usize].symbol.id;
            let candidate = merges.get(before, id);
            queue.extend(candidate.map(|merge| Reverse((merge.rank, left.previous, merge.id))));
        }
    }

    /// The symbols as they are now.
    pub(super) fn into_symbols(self, symbols: &mut Vec<Symbol>) {
        symbols.clear();
        symbols.extend(self.nodes.iter().map(|node| node.symbol).filter(|symbol| symbol.len != 0));
    }
}

fn merge_by_heap(symbols: &mut Vec<Symbol>, merges: &Merges) {
    let (mut merging, mut queue) = Merging::new(symbols, merges);
    while let Some(Reverse(candidate)) = queue.pop() {
        merging.merge(candidate, &mut queue);
    }
    merging.into_symbols(symbols);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::bpe::Vocabulary;

    fn toy() -> (Vocabulary, Merges) {
        let tokens = ["a", "b", "c", "ab", "bc", "aa", "aab", "abc", "cab", "abab"];
        let vocabulary = Vocabulary::new(tokens.into_iter().zip(0..tokens.len() as u32)).unwrap();
        let pairs = [("a", "b"), ("a", "a"), ("b", "c"), ("ab", "ab"), ("c", "ab"), ("ab", "c"), ("a", "ab")];
        let merges = Merges::new(pairs.into_iter(), &vocabulary, "").unwrap();
        (vocabulary, merges)
    }

    /// The definition: repeat the leftmost pair of the lowest rank.
    fn slow(mut ids: Vec<u32>, merges: &Merges) -> Vec<u32> {
        loop {
            let found =
                ids.windows(2).enumerate().filter_map(|(at, pair)| Some((merges.get(pair[0], pair[1])?, at)));
            let Some((merge, at)) = found.min_by_key(|(merge, at)| (merge.rank, *at)) else { return ids };
            ids[at] = merge.id;
            ids.remove(at + 1);
        }
    }

    proptest! {
        #[test]
        fn both_algorithms_follow_the_definition(ids in proptest::collection::vec(0u32..3, 0..SCAN_LIMIT)) {
            let (_, merges) = toy();
            let expected = slow(ids.clone(), &merges);
            let symbols: Vec<_> = ids.iter().map(|&id| Symbol { id, len: 1 }).collect();
            for merge in [merge_by_scanning, merge_by_heap] {
                let mut merged = symbols.clone();
                merge(&mut merged, &merges);
                prop_assert_eq!(merged.iter().map(|symbol| symbol.id).collect::<Vec<_>>(), expected.clone());
                prop_assert_eq!(merged.iter().map(|symbol| symbol.len as usize).sum::<usize>(), ids.len());
            }
        }
    }
}
