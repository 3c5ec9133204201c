//! What a match can begin with: for what must be known of the rest of a pattern, and to skip text quickly.

use regex_syntax::hir::ClassUnicode;

use super::syntax::{Node, everything};

/// What the text after some point of a pattern looks like.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    /// Characters that it can begin with.
    pub first: ClassUnicode,
    pub empty: Emptiness,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Emptiness {
    /// At least one character must follow.
    Never,
    /// It depends on the text.
    Perhaps,
    /// Nothing need follow, anywhere.
    Always,
}

impl Rest {
    /// The end of a pattern.
    pub fn end() -> Self {
        Self { first: ClassUnicode::empty(), empty: Emptiness::Always }
    }

    /// `node`, and then this.
    pub fn after(&self, node: &Node) -> Self {
        match node {
            Node::Empty => self.clone(),
            Node::Class(class) => Self { first: class.clone(), empty: Emptiness::Never },
            Node::Concat(nodes) => nodes.iter().rev().fold(self.clone(), |rest, node| rest.after(node)),
            Node::Alternate(nodes) => {
                let mut all = Self { first: ClassUnicode::empty(), empty: Emptiness::Never };
                for (index, node) in nodes.iter().enumerate() {
                    let rest = self.after(node);
                    all.first.union(&rest.first);
                    all.empty = if index == 0 { rest.empty } else { all.empty.or(rest.empty) };
                }
                all
            }
            Node::Repeat { node, min, max, .. } => {
                if *max == Some(0) {
                    return self.clone();
                }
                let mut once = self.after(node);
                if once.empty != Emptiness::Never || node.min_len() == 0 {
                    // An empty turn may be followed by another turn.
                    once.first.union(&Self::end().after(node).first);
                }
                if *min == 0 {
                    once.first.union(&self.first);
                    once.empty = once.empty.or(self.empty);
                }
                once
            }
            Node::Group { node, .. } | Node::Atomic(node) => self.after(node),
            Node::Look { .. } | Node::Assert(_) => {
                let empty = if self.empty == Emptiness::Always { Emptiness::Perhaps } else { self.empty };
                Self { first: self.first.clone(), empty }
            }
            Node::Backreference { .. } => Self { first: everything(), empty: Emptiness::Perhaps },
        }
    }
}

impl Emptiness {
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Always, _) | (_, Self::Always) => Self::Always,
            (Self::Never, Self::Never) => Self::Never,
            _ => Self::Perhaps,
        }
    }
}

/// Whether no character is in both.
pub(super) fn are_disjoint(one: &ClassUnicode, other: &ClassUnicode) -> bool {
    let mut common = one.clone();
    common.intersect(other);
    common.ranges().is_empty()
}
