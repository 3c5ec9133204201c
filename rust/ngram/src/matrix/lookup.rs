//! Finding the n-grams of a document among columns by their parts, without writing them out.
//!
//! The columns are a trie whose edges lie in one hash table, keyed by the node and the next symbol: each n-gram costs one
//! look into the table after the n-gram it continues, and all positions of a document look at the same time, so that
//! they wait for memory together.

use std::sync::Arc;

use crate::error::{NgramError, Result};
use crate::unsafe_memory::{prefetch, zeroed};
use crate::words::WordTable;

/// No symbol, or no node.
pub(super) const NONE: u32 = u32::MAX;
/// Positions that look into the table together; their nodes stay in the first cache.
const BLOCK: usize = 256;

/// Columns by their symbols: numbers of words, or code points.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    words: Option<Arc<WordTable>>,
    nodes: Nodes,
    /// The symbols of the longest column.
    depth: usize,
}

/// A node's number is its column, or one after all columns if none ended there when it was made.
#[derive(Debug, Clone)]
struct Nodes {
    /// The nodes of single symbols.
    first: Vec<u32>,
    slots: Vec<Slot>,
    filled: usize,
    width: u32,
    /// The column plus one of each node after the columns; zero for the beginning of columns that is none itself.
    others: Vec<u32>,
}

/// An edge; `node` is one more than its end, and zero in a free slot.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    parent: u32,
    symbol: u32,
    node: u32,
}

impl Lookup {
    /// The symbol of a word; `NONE` if it is in no column.
    #[inline]
    pub fn word(&self, word: &str) -> u32 {
        self.words.as_ref().and_then(|words| words.get(word)).unwrap_or(NONE)
    }

    /// Call `each` with the column of every n-gram of `smallest` to `largest` symbols that has one.
    #[inline]
    pub fn columns(&self, symbols: &[u32], (smallest, largest): (usize, usize), mut each: impl FnMut(u32)) {
        let mut block = [NONE; BLOCK];
        let largest = largest.min(self.depth);
        for start in (0..symbols.len()).step_by(BLOCK) {
            let rest = &symbols[start..];
            let found = &mut block[..rest.len().min(BLOCK)];
            for (node, &symbol) in found.iter_mut().zip(rest) {
                *node = self.nodes.first.get(symbol as usize).copied().unwrap_or(NONE);
            }
            for order in 1..=largest.min(rest.len()) {
                let within = found.len().min(rest.len() + 1 - order);
                let found = &mut found[..within];
                if order > 1 {
                    self.nodes.step(found, &rest[order - 1..]);
                }
                if order >= smallest {
                    found.iter().filter_map(|&node| self.nodes.column(node)).for_each(&mut each);
                }
            }
        }
    }
}

impl Nodes {
    /// Replace each node by the one that its symbol leads to.
    #[inline]
    fn step(&self, nodes: &mut [u32], symbols: &[u32]) {
        for (&node, &symbol) in nodes.iter().zip(symbols).filter(|&(&node, _)| node != NONE) {
            prefetch(&self.slots, self.home(node, symbol));
        }
        for (node, &symbol) in nodes.iter_mut().zip(symbols).filter(|(node, _)| **node != NONE) {
            *node = self.slots[self.find(*node, symbol)].node.wrapping_sub(1);
        }
    }

    #[inline]
    fn column(&self, node: u32) -> Option<u32> {
        if node < self.width {
            return Some(node);
        }
        self.others.get((node - self.width) as usize).and_then(|column| column.checked_sub(1))
    }

    #[inline]
    fn home(&self, parent: u32, symbol: u32) -> usize {
        let key = (u64::from(parent) << 32 | u64::from(symbol)) ^ 0xA076_1D64_78BD_642F;
        let product = u128::from(key) * 0x9E37_79B9_7F4A_7C15_u128;
        (product as u64 ^ (product >> 64) as u64) as usize & (self.slots.len() - 1)
    }

    /// The slot of an edge, or the free one where it belongs.
    #[inline]
    fn find(&self, parent: u32, symbol: u32) -> usize {
        let mut at = self.home(parent, symbol);
        loop {
            let slot = self.slots[at];
            if slot.node == 0 || (slot.parent == parent && slot.symbol == symbol) {
                return at;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// The node that `symbol` leads to, which is made if there is none: with the number `column`, if given.
    fn child(&mut self, parent: Option<u32>, symbol: u32, column: Option<u32>) -> Result<u32> {
        let Some(parent) = parent else {
            let symbol = symbol as usize;
            if symbol >= self.first.len() {
                self.first.resize(symbol + 1, NONE);
            }
            if self.first[symbol] == NONE {
                self.first[symbol] = self.new_node(column)?;
            }
            return Ok(self.first[symbol]);
        };
        if (self.filled + 1) * 3 > self.slots.len() * 2 {
            self.grow();
        }
        let at = self.find(parent, symbol);
        if self.slots[at].node == 0 {
            let node = self.new_node(column)?;
            self.slots[at] = Slot { parent, symbol, node: node + 1 };
            self.filled += 1;
        }
        Ok(self.slots[at].node - 1)
    }

    fn new_node(&mut self, column: Option<u32>) -> Result<u32> {
        if let Some(column) = column {
            return Ok(column);
        }
        let node = self.width as usize + self.others.len();
        if node >= NONE as usize - 1 {
            return Err(NgramError::Limit(format!("the names have more than {node} beginnings")));
        }
        self.others.push(0);
        Ok(node as u32)
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        let old = std::mem::replace(&mut self.slots, zeroed(size));
        for slot in old.into_iter().filter(|slot| slot.node > 0) {
            let at = self.find(slot.parent, slot.symbol);
            self.slots[at] = slot;
        }
    }
}

/// Takes columns one after the other; quick where each begins as the one before.
pub(super) struct Builder {
    nodes: Nodes,
    next: u32,
    /// The symbols of the last column and their nodes.
    path: Vec<(u32, u32)>,
    symbols: Vec<u32>,
    depth: usize,
}

impl Builder {
    pub fn new(width: usize) -> Self {
        let slots = (width + width / 2).next_power_of_two().max(64);
        let (first, others, width) = (Vec::new(), Vec::new(), width as u32);
        let nodes = Nodes { first, slots: zeroed(slots), filled: 0, width, others };
        Self { nodes, next: 0, path: Vec::new(), symbols: Vec::new(), depth: 0 }
    }

    /// Add the next column.
    pub fn push(&mut self, symbols: impl Iterator<Item = u32>) -> Result<()> {
        self.symbols.clear();
        self.symbols.extend(symbols);
        let shared = self.path.iter().zip(&self.symbols).take_while(|((a, _), b)| a == *b).count();
        self.path.truncate(shared);
        let length = self.symbols.len();
        for at in shared..length {
            let parent = self.path.last().map(|&(_, node)| node);
            let column = (at + 1 == length).then_some(self.next);
            self.path.push((self.symbols[at], self.nodes.child(parent, self.symbols[at], column)?));
        }
        if let Some(&(_, node)) = self.path.last().filter(|(_, node)| *node >= self.nodes.width) {
            self.nodes.others[(node - self.nodes.width) as usize] = self.next + 1;
        }
        (self.next, self.depth) = (self.next + 1, self.depth.max(length));
        Ok(())
    }

    pub fn finish(self, words: Option<Arc<WordTable>>) -> Lookup {
        Lookup { words, nodes: self.nodes, depth: self.depth }
    }
}
