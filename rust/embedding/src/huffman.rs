//! The tree of hierarchical softmax: frequent words have short ways from the root (Huffman 1952; Morin and
//! Bengio 2005; Mikolov et al. 2013).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The way of each word: inner nodes from the root on, and which turn is taken at each.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// Inner nodes and turns (`true`: the second child) of all words, one after the other.
    steps: Vec<(u32, bool)>,
    /// The way of word `w` is `steps[ends[w - 1]..ends[w]]`.
    ends: Vec<usize>,
}

impl Tree {
    /// In time O(n log n). Of equal counts the one that came first is joined first.
    pub(crate) fn new(counts: &[u64]) -> Self {
        let words = counts.len();
        let mut heap: BinaryHeap<Reverse<(u64, u32)>> =
            counts.iter().zip(0..).map(|(&count, word)| Reverse((count, word))).collect();
        // Parent and turn of each node but the root; inner nodes come after the words.
        let mut parents: Vec<(u32, bool)> = vec![(0, false); (2 * words).saturating_sub(1)];
        let mut node = words as u32;
        while let (Some(Reverse((few, left))), Some(Reverse((more, right)))) = (heap.pop(), heap.pop()) {
            parents[left as usize] = (node, false);
            parents[right as usize] = (node, true);
            heap.push(Reverse((few.saturating_add(more), node)));
            node += 1;
        }
        let root = parents.len().saturating_sub(1);
        let (mut steps, mut ends) = (Vec::new(), Vec::with_capacity(words));
        for word in 0..words {
            let start = steps.len();
            let mut node = word;
            while node != root {
                let (parent, turn) = parents[node];
                steps.push((parent - words as u32, turn));
                node = parent as usize;
            }
            steps[start..].reverse();
            ends.push(steps.len());
        }
        Self { steps, ends }
    }

    /// Inner nodes, of which a tree of `n` words has `n - 1`, with the turn at each; empty for a single word.
    pub(crate) fn way(&self, word: u32) -> &[(u32, bool)] {
        let word = word as usize;
        let start = if word == 0 { 0 } else { self.ends[word - 1] };
        &self.steps[start..self.ends[word]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_words_have_short_ways_that_no_other_way_begins_with() {
        let counts = [40, 20, 10, 10, 5, 5, 5, 5];
        let tree = Tree::new(&counts);
        let ways: Vec<_> = (0..8).map(|word| tree.way(word).to_vec()).collect();
        let cost: u64 = ways.iter().zip(counts).map(|(way, count)| way.len() as u64 * count).sum();
        assert_eq!(cost, 260, "the least there is");
        for (i, a) in ways.iter().enumerate() {
            assert_eq!(a[0].0, 6, "the root is the last inner node");
            for b in &ways[i + 1..] {
                let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
                assert!(a[same].0 == b[same].0 && a[same].1 != b[same].1);
            }
        }
        assert!(Tree::new(&[7]).way(0).is_empty());
        assert_eq!(Tree::new(&[7, 9]).way(1), [(0, true)]);
    }
}
