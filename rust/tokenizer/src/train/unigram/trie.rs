//! All pieces that begin at a place of a word.

use ferrolm_base::{Cancel, Cancelled};

/// A static trie in breadth-first order: the children of a node lie together, sorted by code, and those of the next
/// node behind them. 12 bytes per node.
pub(super) struct Trie {
    /// The code that leads to a node.
    codes: Vec<u32>,
    /// The first child of a node; one more than nodes.
    first: Vec<u32>,
    /// The piece that ends at a node, or [`NONE`].
    ids: Vec<u32>,
    /// Nodes of one code, by code.
    roots: Vec<u32>,
}

const NONE: u32 = u32::MAX;
/// Nodes between two looks at the cancel flag.
const POLL: usize = 1 << 14;

impl Trie {
    /// Of pieces in the order of their codes, all different and none empty; codes are below `bound`.
    pub(super) fn new(sorted: &[(&[u32], u32)], bound: usize, cancel: &Cancel) -> Result<Self, Cancelled> {
        let mut trie =
            Self { codes: Vec::new(), first: Vec::new(), ids: Vec::new(), roots: vec![NONE; bound] };
        // Ranges of pieces that share a beginning of one length, node by node.
        let mut level = Vec::new();
        trie.children(sorted, 0..sorted.len(), 0, &mut level);
        for (node, &code) in (0u32..).zip(&trie.codes) {
            trie.roots[code as usize] = node;
        }
        let mut depth = 0;
        while !level.is_empty() {
            depth += 1;
            let mut next = Vec::new();
            for (at, range) in level.into_iter().enumerate() {
                if at % POLL == 0 {
                    cancel.check()?;
                }
                trie.first.push(trie.codes.len() as u32);
                trie.children(sorted, range, depth, &mut next);
            }
            level = next;
        }
        trie.first.push(trie.codes.len() as u32);
        Ok(trie)
    }

    /// Add the nodes below a node of `depth` that `range` of the pieces go through.
    fn children(
        &mut self,
        sorted: &[(&[u32], u32)],
        range: std::ops::Range<usize>,
        depth: usize,
        next: &mut Vec<std::ops::Range<usize>>,
    ) {
        let mut start = range.start;
        // A piece that ends here comes first.
        while sorted[start..range.end].first().is_some_and(|(codes, _)| codes.len() == depth) {
            start += 1;
        }
        while start < range.end {
            let (codes, id) = sorted[start];
            let code = codes[depth];
            let same = sorted[start..range.end].iter().take_while(|(codes, _)| codes[depth] == code).count();
            self.codes.push(code);
            self.ids.push(if codes.len() == depth + 1 { id } else { NONE });
            next.push(start..start + same);
            start += same;
        }
    }

    /// Emit the length and id of every piece that `codes` begins with, the shortest first.
    #[inline]
    pub(super) fn prefixes(&self, codes: &[u32], mut emit: impl FnMut(usize, u32)) {
        let Some((&first, rest)) = codes.split_first() else { return };
        let mut node = self.roots[first as usize];
        if node == NONE {
            return;
        }
        let mut length = 1;
        let mut rest = rest.iter();
        loop {
            let id = self.ids[node as usize];
            if id != NONE {
                emit(length, id);
            }
            let Some(&code) = rest.next() else { return };
            let (start, end) = (self.first[node as usize], self.first[node as usize + 1]);
            match self.find(start as usize, end as usize, code) {
                Some(child) => node = child,
                None => return,
            }
            length += 1;
        }
    }

    #[inline]
    fn find(&self, start: usize, end: usize, code: u32) -> Option<u32> {
        let children = &self.codes[start..end];
        let at = if children.len() <= 8 {
            children.iter().position(|&child| child == code)?
        } else {
            children.binary_search(&code).ok()?
        };
        Some((start + at) as u32)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use ferrolm_base::cancel::NEVER;

    use super::*;

    proptest! {
        #[test]
        fn prefixes_are_those_of_the_set(
            pieces in proptest::collection::btree_set(proptest::collection::vec(1u32..15, 1..6), 0..60),
            word in proptest::collection::vec(1u32..15, 0..9),
        ) {
            let pieces: BTreeSet<Vec<u32>> = pieces;
            let trie = Trie::new(&pieces.iter().map(Vec::as_slice).zip(7..).collect::<Vec<_>>(), 15, &NEVER).unwrap();
            let mut found = Vec::new();
            trie.prefixes(&word, |length, id| found.push((length, id)));
            let expected: Vec<_> = pieces
                .iter()
                .zip(7..)
                .filter(|(piece, _)| word.starts_with(piece))
                .map(|(piece, id)| (piece.len(), id))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
