//! What the machine runs: a pattern as a list of instructions.

use regex_syntax::hir::ClassUnicode;

use crate::error::{Result, TokenizerError};
use crate::pattern::first::{Emptiness, Rest};
use crate::pattern::syntax::{Assertion, Greed, Node, word};

/// The most instructions of a program; intervals are written out.
const MAX_PROGRAM: usize = 200_000;

/// A class for quick tests.
#[derive(Debug, Clone)]
pub(super) struct Set {
    ascii: u128,
    ranges: Vec<(char, char)>,
}

impl Set {
    pub fn new(class: &ClassUnicode) -> Self {
        let ranges: Vec<(char, char)> =
            class.ranges().iter().map(|range| (range.start(), range.end())).collect();
        let mut set = Self { ascii: 0, ranges };
        for code in 0..128u8 {
            if set.search(char::from(code)) {
                set.ascii |= 1 << code;
            }
        }
        set
    }

    fn search(&self, character: char) -> bool {
        let at = self.ranges.partition_point(|range| range.1 < character);
        self.ranges.get(at).is_some_and(|range| range.0 <= character)
    }

    #[inline]
    pub fn contains(&self, character: char) -> bool {
        if character.is_ascii() { self.ascii >> character as u32 & 1 == 1 } else { self.search(character) }
    }
}

#[derive(Debug)]
pub(super) enum Instruction {
    /// One character of the set with this index.
    Character(usize),
    /// Go on at `first`, and where that fails at `second`; `memory` numbers these.
    Branch {
        first: usize,
        second: usize,
        memory: usize,
    },
    Jump(usize),
    Assert(Assertion),
    /// The program that follows, up to its `Accept`, must match here or must not; then go on at `next`.
    LookAhead {
        negate: bool,
        next: usize,
    },
    /// The same for what ends here, between `least` and `most` characters long.
    LookBehind {
        negate: bool,
        least: usize,
        most: usize,
        next: usize,
    },
    /// The program that follows, without coming back to it; then go on at `next`.
    Atomic {
        next: usize,
    },
    Backreference {
        groups: Vec<usize>,
        ignore_case: bool,
    },
    /// Remember this place of the text.
    Save(usize),
    /// Fail if no text has been read since it was saved here.
    LeaveIfEmpty {
        slot: usize,
        next: usize,
    },
    Accept,
}

#[derive(Debug)]
pub(super) struct Program {
    pub instructions: Vec<Instruction>,
    pub sets: Vec<Set>,
    pub words: Set,
    pub slots: usize,
    pub branches: usize,
    /// Whether failing depends on nothing but the place in the program and the text.
    pub remembers: bool,
    /// Characters that a match begins with, if it begins with any.
    pub first: Option<Set>,
}

impl Program {
    pub fn new(node: &Node) -> Result<Self> {
        let groups = max_group(node);
        let refers = node.any(&|node| matches!(node, Node::Backreference { .. }));
        let dependent = node.any(&|node| match node {
            Node::Backreference { .. } | Node::Assert(Assertion::SearchStart) => true,
            Node::Repeat { node, max, .. } => node.min_len() == 0 && *max != Some(1),
            // It may look at all of the text before, again and again.
            Node::Look { ahead: false, node, .. } => node.max_len().is_none(),
            _ => false,
        });
        let start = Rest::end().after(node);
        let mut program = Self {
            instructions: Vec::new(),
            sets: Vec::new(),
            words: Set::new(&word(false)),
            slots: if refers { 2 * (groups + 1) } else { 0 },
            branches: 0,
            remembers: !dependent,
            first: (start.empty == Emptiness::Never).then(|| Set::new(&start.first)),
        };
        program.emit(node, refers)?;
        program.push(Instruction::Accept)?;
        Ok(program)
    }

    fn push(&mut self, instruction: Instruction) -> Result<usize> {
        if self.instructions.len() >= MAX_PROGRAM {
            let found = self.instructions.len() + 1;
            return Err(TokenizerError::Limit { what: "size of the pattern", found, limit: MAX_PROGRAM });
        }
        self.instructions.push(instruction);
        Ok(self.instructions.len() - 1)
    }

    fn branch(&mut self) -> Result<usize> {
        self.branches += 1;
        self.push(Instruction::Branch { first: 0, second: 0, memory: self.branches - 1 })
    }

    /// Where the branch at `at` goes.
    fn direct(&mut self, at: usize, greedy: bool, enter: usize, leave: usize) {
        if let Some(Instruction::Branch { first, second, .. }) = self.instructions.get_mut(at) {
            (*first, *second) = if greedy { (enter, leave) } else { (leave, enter) };
        }
    }

    fn set_next(&mut self, at: usize) {
        let here = self.instructions.len();
        match self.instructions.get_mut(at) {
            Some(
                Instruction::Jump(next)
                | Instruction::LookAhead { next, .. }
                | Instruction::LookBehind { next, .. }
                | Instruction::Atomic { next }
                | Instruction::LeaveIfEmpty { next, .. },
            ) => *next = here,
            _ => {}
        }
    }

    fn emit(&mut self, node: &Node, saves: bool) -> Result<()> {
        match node {
            Node::Empty => {}
            Node::Class(class) => {
                self.sets.push(Set::new(class));
                self.push(Instruction::Character(self.sets.len() - 1))?;
            }
            Node::Concat(nodes) => nodes.iter().try_for_each(|node| self.emit(node, saves))?,
            Node::Alternate(nodes) => self.emit_alternatives(nodes, saves)?,
            Node::Repeat { node, min, max, greed } => {
                if *greed == Greed::Possessive {
                    let at = self.push(Instruction::Atomic { next: 0 })?;
                    self.emit_repeat(node, *min, *max, true, saves)?;
                    self.push(Instruction::Accept)?;
                    self.set_next(at);
                } else {
                    self.emit_repeat(node, *min, *max, *greed == Greed::Greedy, saves)?;
                }
            }
            Node::Group { index, node } if saves => {
                self.push(Instruction::Save(2 * index))?;
                self.emit(node, saves)?;
                self.push(Instruction::Save(2 * index + 1))?;
            }
            Node::Group { node, .. } => self.emit(node, saves)?,
            Node::Look { ahead, negate, node } => {
                let (least, most) = (node.min_len(), node.max_len().unwrap_or(usize::MAX));
                let at = self.push(if *ahead {
                    Instruction::LookAhead { negate: *negate, next: 0 }
                } else {
                    Instruction::LookBehind { negate: *negate, least, most, next: 0 }
                })?;
                self.emit(node, saves)?;
                self.push(Instruction::Accept)?;
                self.set_next(at);
            }
            Node::Atomic(node) => {
                let at = self.push(Instruction::Atomic { next: 0 })?;
                self.emit(node, saves)?;
                self.push(Instruction::Accept)?;
                self.set_next(at);
            }
            Node::Assert(assertion) => {
                self.push(Instruction::Assert(*assertion))?;
            }
            Node::Backreference { groups, ignore_case } => {
                let (groups, ignore_case) = (groups.clone(), *ignore_case);
                self.push(Instruction::Backreference { groups, ignore_case })?;
            }
        }
        Ok(())
    }

    fn emit_alternatives(&mut self, nodes: &[Node], saves: bool) -> Result<()> {
        let mut ends = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            if index + 1 == nodes.len() {
                self.emit(node, saves)?;
                break;
            }
            let branch = self.branch()?;
            self.emit(node, saves)?;
            ends.push(self.push(Instruction::Jump(0))?);
            self.direct(branch, true, branch + 1, self.instructions.len());
        }
        ends.into_iter().for_each(|end| self.set_next(end));
        Ok(())
    }

    fn emit_repeat(
        &mut self,
        node: &Node,
        min: u32,
        max: Option<u32>,
        greedy: bool,
        saves: bool,
    ) -> Result<()> {
        for _ in 0..min {
            self.emit(node, saves)?;
        }
        let Some(max) = max else { return self.emit_loop(node, greedy, saves) };
        let mut branches = Vec::new();
        for _ in min..max {
            branches.push(self.branch()?);
            self.emit(node, saves)?;
        }
        let end = self.instructions.len();
        branches.into_iter().for_each(|branch| self.direct(branch, greedy, branch + 1, end));
        Ok(())
    }

    fn emit_loop(&mut self, node: &Node, greedy: bool, saves: bool) -> Result<()> {
        let branch = self.branch()?;
        let may_be_empty = node.min_len() == 0;
        let slot = self.slots;
        if may_be_empty {
            self.slots += 1;
            self.push(Instruction::Save(slot))?;
        }
        self.emit(node, saves)?;
        let check = self.instructions.len();
        if may_be_empty {
            self.push(Instruction::LeaveIfEmpty { slot, next: 0 })?;
        }
        self.push(Instruction::Jump(branch))?;
        self.direct(branch, greedy, branch + 1, self.instructions.len());
        if may_be_empty {
            self.set_next(check);
        }
        Ok(())
    }
}

fn max_group(node: &Node) -> usize {
    match node {
        Node::Group { index, node } => max_group(node).max(*index),
        Node::Concat(nodes) | Node::Alternate(nodes) => nodes.iter().map(max_group).max().unwrap_or(0),
        Node::Repeat { node, .. } | Node::Look { node, .. } | Node::Atomic(node) => max_group(node),
        _ => 0,
    }
}
