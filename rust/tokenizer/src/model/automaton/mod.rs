//! All keys that end at each byte of a text, in one pass (Aho and Corasick, 1975), on a double array.
//!
//! Time is linear in the text, plus one for each key found; a plain trie walked from every byte would be quadratic on
//! texts made for that. The automaton is built in time linear in the bytes of the keys.

mod blocks;
mod trie;

pub(crate) use trie::{NO_VALUE, Node, ROOT, Trie};

use crate::error::Result;
use trie::Edge;

/// A trie whose nodes know where to go on when no child fits. A node's value is that of the longest key
/// that the path to it ends with.
#[derive(Debug, Clone)]
pub(crate) struct Automaton {
    trie: Trie,
    /// By node: the longest proper end of its path that is a path too.
    failure: Vec<u32>,
}

/// Where a walk over a text is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State {
    at: u32,
    node: Node,
}

impl State {
    /// The value of the longest key that ends here, or [`NO_VALUE`].
    #[inline(always)]
    pub(crate) fn value(self) -> u32 {
        self.node.value()
    }
}

impl Automaton {
    /// From keys and values. `shorter(value, other)` tells, for each key, the value of the longest other key that it
    /// ends with, if there is one.
    pub(crate) fn new(keys: Vec<(&[u8], u32)>, mut shorter: impl FnMut(u32, u32)) -> Result<Self> {
        let mut edges: Vec<Edge> = Vec::new();
        let trie = Trie::with_edges(keys, |edge| edges.push(edge))?;
        let mut this = Self { failure: vec![ROOT; trie.len()], trie };
        for Edge { parent, child } in edges {
            if parent != ROOT {
                let byte = this.trie.node(child).byte();
                this.failure[child as usize] = this.next(this.state(this.failure[parent as usize]), byte).at;
            }
            let ending = this.trie.node(this.failure[child as usize]).value();
            match this.trie.node(child).value() {
                NO_VALUE => this.trie.set_value(child, ending),
                value if ending != NO_VALUE => shorter(value, ending),
                _ => {}
            }
        }
        Ok(this)
    }

    fn state(&self, at: u32) -> State {
        State { at, node: self.trie.node(at) }
    }

    /// Before the first byte.
    #[inline]
    pub(crate) fn start(&self) -> State {
        self.state(ROOT)
    }

    /// After one more byte.
    #[inline(always)]
    pub(crate) fn next(&self, mut state: State, byte: u8) -> State {
        loop {
            if let Some((at, node)) = self.trie.child(state.node, byte) {
                return State { at, node };
            }
            if state.at == ROOT {
                return state;
            }
            state = self.state(self.failure[state.at as usize]);
        }
    }

    /// The value of the longest key that ends where `key` does, if some key begins with `key`.
    pub(crate) fn find(&self, key: &[u8]) -> Option<u32> {
        self.trie.find(key).map(Node::value).filter(|&value| value != NO_VALUE)
    }
}
