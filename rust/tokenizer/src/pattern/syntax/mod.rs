//! Regular expressions in Oniguruma's own syntax: what tokenizer files are written in.
//!
//! Read by [`parse`] into a tree in which nothing depends on options or names any more: every character class is
//! a set of code points, case is folded, groups are numbered.

mod classes;
mod escape;
mod fold;
mod fold_table;
mod group;
mod named;
mod parser;

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

pub(super) use named::word;
pub(super) use parser::parse;

/// What must hold between two characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assertion {
    /// `^`: at the start, or after a line feed that is not the last character.
    LineStart,
    /// `$`: at the end, or before a line feed.
    LineEnd,
    /// `\A`
    TextStart,
    /// `\z`
    TextEnd,
    /// `\Z`: at the end, or before a line feed that is the last character.
    LastLineEnd,
    /// `\b`
    WordBoundary,
    /// `\B`
    NotWordBoundary,
    /// `\G`: where the search for this match started.
    SearchStart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greed {
    Greedy,
    Lazy,
    /// What it has taken it does not give back.
    Possessive,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    Empty,
    Class(ClassUnicode),
    Concat(Vec<Node>),
    Alternate(Vec<Node>),
    Repeat {
        node: Box<Node>,
        min: u32,
        max: Option<u32>,
        greed: Greed,
    },
    Group {
        index: usize,
        node: Box<Node>,
    },
    Look {
        ahead: bool,
        negate: bool,
        node: Box<Node>,
    },
    Atomic(Box<Node>),
    Assert(Assertion),
    /// The text of the last of these groups that has matched.
    Backreference {
        groups: Vec<usize>,
        ignore_case: bool,
    },
}

impl Node {
    /// The least number of characters that a match has; backreferences may have none.
    pub fn min_len(&self) -> usize {
        match self {
            Self::Empty | Self::Look { .. } | Self::Assert(_) | Self::Backreference { .. } => 0,
            Self::Class(_) => 1,
            Self::Concat(nodes) => nodes.iter().fold(0, |length, node| length.saturating_add(node.min_len())),
            Self::Alternate(nodes) => nodes.iter().map(Self::min_len).min().unwrap_or(0),
            Self::Repeat { node, min, .. } => node.min_len().saturating_mul(*min as usize),
            Self::Group { node, .. } | Self::Atomic(node) => node.min_len(),
        }
    }

    /// The greatest number of characters that a match has, if there is one.
    pub fn max_len(&self) -> Option<usize> {
        match self {
            Self::Empty | Self::Look { .. } | Self::Assert(_) => Some(0),
            Self::Class(_) => Some(1),
            Self::Backreference { .. } => None,
            Self::Concat(nodes) => nodes
                .iter()
                .try_fold(0usize, |length, node| node.max_len().and_then(|more| length.checked_add(more))),
            Self::Alternate(nodes) => {
                nodes.iter().try_fold(0, |length, node| node.max_len().map(|other| other.max(length)))
            }
            Self::Repeat { node, max, .. } => match (node.max_len(), max) {
                (Some(0), _) => Some(0),
                (Some(length), Some(max)) => length.checked_mul(*max as usize),
                _ => None,
            },
            Self::Group { node, .. } | Self::Atomic(node) => node.max_len(),
        }
    }

    /// Whether `test` holds for this node or one below it.
    pub fn any(&self, test: &dyn Fn(&Self) -> bool) -> bool {
        test(self)
            || match self {
                Self::Concat(nodes) | Self::Alternate(nodes) => nodes.iter().any(|node| node.any(test)),
                Self::Repeat { node, .. }
                | Self::Group { node, .. }
                | Self::Look { node, .. }
                | Self::Atomic(node) => node.any(test),
                _ => false,
            }
    }
}

/// Every character.
pub(super) fn everything() -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new('\0', char::MAX)])
}

pub(super) fn single(character: char) -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new(character, character)])
}

pub(super) fn contains(class: &ClassUnicode, character: char) -> bool {
    let ranges = class.ranges();
    let at = ranges.partition_point(|range| range.end() < character);
    ranges.get(at).is_some_and(|range| range.start() <= character)
}
