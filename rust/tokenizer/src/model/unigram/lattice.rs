//! All ways to cut a text into pieces: a graph of the pieces that lie in it.

use std::ops::Range;

use super::{Step, Unigram};
use crate::model::automaton::NO_VALUE;

/// A piece at its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub step: Step,
    pub score: f64,
    /// Characters before it.
    pub before: u32,
}

/// The pieces of a text by where they end.
#[derive(Debug)]
pub(super) struct Lattice {
    /// Ordered by end, and for one end by start.
    pub nodes: Vec<Node>,
    /// For each number of characters, one past the last node that ends after them.
    bounds: Vec<u32>,
}

impl Lattice {
    /// The pieces of `text`, and the unknown token where no piece is a character.
    pub(super) fn new(model: &Unigram, text: &str, unk_id: u32) -> Self {
        let mut this = Self { nodes: Vec::with_capacity(text.len() * 2), bounds: vec![0] };
        // Characters before each byte.
        let mut characters = vec![0; text.len() + 1];
        let mut state = model.automaton.start();
        for (start, character) in text.char_indices() {
            let end = start + character.len_utf8();
            state = text.as_bytes()[start..end]
                .iter()
                .fold(state, |state, &byte| model.automaton.next(state, byte));
            let count = this.bounds.len() as u32;
            characters[end] = count;
            let (start, end) = (start as u32, end as u32);
            let mut value = state.value();
            let mut shortest = 0;
            while value != NO_VALUE {
                let piece = model.pieces[value as usize];
                shortest = piece.length;
                let step = Step { id: value, start: end - shortest, end };
                let before = characters[step.start as usize];
                this.nodes.push(Node { step, score: piece.score, before });
                value = piece.shorter;
            }
            if shortest != end - start {
                let step = Step { id: unk_id, start, end };
                this.nodes.push(Node { step, score: model.unk_score, before: count - 1 });
            }
            this.bounds.push(this.nodes.len() as u32);
        }
        this
    }

    /// Number of characters of the text.
    pub(super) fn characters(&self) -> u32 {
        self.bounds.len() as u32 - 1
    }

    /// Which nodes end after so many characters.
    pub(super) fn ending_after(&self, characters: u32) -> Range<usize> {
        match characters as usize {
            0 => 0..0,
            at => self.bounds[at - 1] as usize..self.bounds[at] as usize,
        }
    }

    /// A value for each number of characters, 0 for none, made from the nodes that end there, each with the value
    /// where it starts.
    pub(super) fn forward(&self, mut value: impl FnMut(&[(Node, f64)]) -> f64) -> Vec<f64> {
        let mut values = vec![0.0];
        let mut ending = Vec::new();
        for characters in 1..=self.characters() {
            let nodes = &self.nodes[self.ending_after(characters)];
            ending.clear();
            ending.extend(nodes.iter().map(|&node| (node, values[node.before as usize])));
            values.push(value(&ending));
        }
        values
    }

    /// The score of the best path over the first characters, for each number of them.
    pub(super) fn best_scores(&self) -> Vec<f64> {
        self.forward(|ending| {
            let sums = ending.iter().map(|(node, score)| score + node.score);
            sums.reduce(|best, sum| if sum > best { sum } else { best }).unwrap_or(f64::NEG_INFINITY)
        })
    }
}
