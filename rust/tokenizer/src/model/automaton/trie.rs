//! A trie as a double array: one word per node, one load per byte of text.
//!
//! The child of a node by a byte lies at the node's base XOR the byte, and knows that byte. No two nodes share a base,
//! so the byte alone tells whose child it is. Nodes are laid out breadth first: the first bytes of keys, which every
//! text visits, share few cache lines. Building takes time linear in the bytes of the sorted keys.

use std::collections::VecDeque;

use super::blocks::Blocks;
use crate::error::{Result, TokenizerError};

/// What a node has as value that has none.
pub(crate) const NO_VALUE: u32 = (1 << 24) - 1;
/// Nodes of a trie, vacant places among them, at most: 24 bits are what the layout has room for.
const MAX_NODES: usize = 1 << 24;

pub(crate) const ROOT: u32 = 0;

/// A node: base (24 bits), value (24 bits), and in the lowest 16 its own byte with a ninth bit that vacant places and
/// the root lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node(u64);

const OCCUPIED: u16 = 0x100;

impl Node {
    const VACANT: Self = Self((NO_VALUE as u64) << 16);

    #[inline(always)]
    fn base(self) -> usize {
        (self.0 >> 40) as usize
    }

    #[inline(always)]
    pub(crate) fn value(self) -> u32 {
        (self.0 >> 16) as u32 & NO_VALUE
    }

    /// The byte that leads here.
    pub(super) fn byte(self) -> u8 {
        self.0 as u8
    }

    #[inline(always)]
    fn is_child_by(self, byte: u8) -> bool {
        self.0 as u16 == OCCUPIED | u16::from(byte)
    }

    fn with_base(self, base: u32) -> Self {
        Self(self.0 & 0xFF_FFFF_FFFF | u64::from(base) << 40)
    }

    fn with_value(self, value: u32) -> Self {
        Self(self.0 & !(u64::from(NO_VALUE) << 16) | u64::from(value & NO_VALUE) << 16)
    }

    fn with_byte(self, byte: u8) -> Self {
        Self(self.0 & !0xFFFF | u64::from(OCCUPIED | u16::from(byte)))
    }
}

/// A node and its parent.
pub(super) struct Edge {
    pub parent: u32,
    pub child: u32,
}

/// Keys, each with a value below [`NO_VALUE`].
#[derive(Debug, Clone)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
}

/// Keys that share their first `depth` bytes, those of a node.
struct Group {
    node: u32,
    first: u32,
    end: u32,
    depth: u32,
}

impl Trie {
    /// From keys and their values, in any order; of equal keys the last counts, and the empty key is left out.
    pub(crate) fn new(keys: Vec<(&[u8], u32)>) -> Result<Self> {
        Self::with_edges(keys, |_| ())
    }

    /// The same, telling of every node, breadth first.
    pub(super) fn with_edges(mut keys: Vec<(&[u8], u32)>, mut tell: impl FnMut(Edge)) -> Result<Self> {
        keys.retain(|(key, _)| !key.is_empty());
        // A stable sort and the last of each run: later keys win.
        keys.sort_by_key(|&(key, _)| key);
        keys.reverse();
        keys.dedup_by_key(|&mut (key, _)| key);
        keys.reverse();
        if let Some(&(_, found)) = keys.iter().find(|&&(_, value)| value >= NO_VALUE) {
            let limit = NO_VALUE as usize - 1;
            return Err(TokenizerError::Limit { what: "id of a token", found: found as usize, limit });
        }
        let mut nodes = vec![Node::VACANT; 256];
        let mut blocks = Blocks::with_root();
        let mut groups = VecDeque::from([Group { node: ROOT, first: 0, end: keys.len() as u32, depth: 0 }]);
        let mut children: Vec<Group> = Vec::new();
        let mut bytes = Vec::new();
        while let Some(Group { node, mut first, end, depth }) = groups.pop_front() {
            let of_node = keys.get(first as usize..end as usize).unwrap_or(&[]);
            if let Some((key, value)) = of_node.first()
                && key.len() == depth as usize
            {
                nodes[node as usize] = nodes[node as usize].with_value(*value);
                first += 1;
            }
            while first < end {
                let byte_of = |at: u32| keys[at as usize].0[depth as usize];
                let byte = byte_of(first);
                let rest = &keys[first as usize..end as usize];
                let count = rest.partition_point(|(key, _)| key[depth as usize] == byte) as u32;
                bytes.push(byte);
                children.push(Group { node: 0, first, end: first + count, depth: depth + 1 });
                first += count;
            }
            if bytes.is_empty() {
                continue;
            }
            let base = blocks.place(&bytes);
            if blocks.slots() > nodes.len() {
                if blocks.slots() > MAX_NODES {
                    let what = "bytes of a vocabulary, shared beginnings counted once";
                    return Err(TokenizerError::Limit { what, found: blocks.slots(), limit: MAX_NODES });
                }
                nodes.resize(blocks.slots(), Node::VACANT);
            }
            nodes[node as usize] = nodes[node as usize].with_base(base);
            for (mut group, byte) in children.drain(..).zip(bytes.drain(..)) {
                let child = base ^ u32::from(byte);
                nodes[child as usize] = Node::VACANT.with_byte(byte);
                tell(Edge { parent: node, child });
                group.node = child;
                groups.push_back(group);
            }
        }
        Ok(Self { nodes })
    }

    #[inline(always)]
    pub(crate) fn node(&self, at: u32) -> Node {
        self.nodes[at as usize]
    }

    /// The child of `node` by `byte`, and where it is.
    #[inline(always)]
    pub(crate) fn child(&self, node: Node, byte: u8) -> Option<(u32, Node)> {
        let at = node.base() ^ usize::from(byte);
        let child = self.nodes[at];
        child.is_child_by(byte).then_some((at as u32, child))
    }

    /// Where `key` ends, if some key begins with it.
    pub(crate) fn find(&self, key: &[u8]) -> Option<Node> {
        key.iter().try_fold(self.node(ROOT), |node, &byte| Some(self.child(node, byte)?.1))
    }

    pub(super) fn set_value(&mut self, at: u32, value: u32) {
        self.nodes[at as usize] = self.nodes[at as usize].with_value(value);
    }

    /// Places, vacant ones among them: a bound of what [`child`](Self::child) gives.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_its_keys_and_nothing_else(
            keys in proptest::collection::vec(proptest::collection::vec(0u8..5, 0..6), 0..60),
            others in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 0..300),
        ) {
            let expected: BTreeMap<&[u8], u32> =
                keys.iter().chain(&others[..others.len() / 2]).map(Vec::as_slice).zip(0..).collect();
            let listed = keys.iter().chain(&others[..others.len() / 2]).map(Vec::as_slice).zip(0..).collect();
            let trie = Trie::new(listed).unwrap();
            for key in keys.iter().chain(&others) {
                let found = trie.find(key).map(Node::value).filter(|&value| value != NO_VALUE);
                let known = expected.get(key.as_slice()).copied().filter(|_| !key.is_empty());
                prop_assert_eq!(found, known);
            }
        }
    }

    #[test]
    fn no_keys_no_children_and_ids_are_bounded() {
        let trie = Trie::new(Vec::new()).unwrap();
        assert!((0..=255).all(|byte| trie.child(trie.node(ROOT), byte).is_none()));
        assert!(Trie::new(vec![(b"a", NO_VALUE)]).is_err());
    }
}
