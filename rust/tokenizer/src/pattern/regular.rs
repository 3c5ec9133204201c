//! Patterns that an automaton can run: leftmost match, earlier alternatives first, as when backtracking.
//!
//! Each alternative of the whole pattern becomes a pattern of its own of one automaton, which says which of them
//! has matched. That is how `\s+(?!\S)` is done without looking ahead: in its place stand, in this order,
//!
//! - `\s+\z`, and
//! - `\s+\s`, of whose match the last character does not count.
//!
//! They match what it matches: let n be the number of white-space characters here. `\s+` takes all of them, after
//! which no white space follows: either the text ends, `(?!\S)` holds and the match is n long, as that of the first;
//! or something else follows, one character must be given back, and the match is n - 1 long if that is at least 1.
//! The second matches n characters if n is at least 2, less one. When neither matches, later alternatives are
//! tried, as they are when `\s+(?!\S)` fails.

use std::ops::Range;

use regex_automata::Input;
use regex_automata::meta::Regex;
use regex_syntax::hir::{Class, Hir, Look, Repetition};

use super::first::{Emptiness, Rest, are_disjoint};
use super::syntax::{Assertion, Greed, Node, contains};

/// Automata beyond this size are left to backtracking.
const MAX_AUTOMATON: usize = 32 << 20;

#[derive(Debug)]
pub(super) struct Regular {
    regex: Regex,
    /// For each alternative, whether the last character of a match does not count.
    drops_last: Vec<bool>,
}

impl Regular {
    /// None if the pattern needs another engine.
    pub fn new(node: &Node) -> Option<Self> {
        let mut alternatives = Vec::new();
        let mut drops_last = Vec::new();
        for alternative in flatten(node) {
            if let Some(class) = run_before_its_complement(alternative) {
                let run = || greedy(Hir::class(Class::Unicode(class.clone())), 1, None);
                alternatives.push(Hir::concat(vec![run(), Hir::look(Look::End)]));
                alternatives.push(Hir::concat(vec![run(), Hir::class(Class::Unicode(class.clone()))]));
                drops_last.extend([false, true]);
            } else {
                alternatives.push(convert_alternative(alternative)?);
                drops_last.push(false);
            }
        }
        let config = Regex::config().nfa_size_limit(Some(MAX_AUTOMATON)).onepass_size_limit(Some(1 << 20));
        let regex = Regex::builder().configure(config).build_many_from_hir(&alternatives).ok()?;
        Some(Self { regex, drops_last })
    }

    /// The first match that starts at `at` or later.
    pub fn find_at(&self, text: &str, at: usize) -> Option<Range<usize>> {
        let found = self.regex.search(&Input::new(text).range(at..))?;
        let mut end = found.end();
        if self.drops_last.get(found.pattern().as_usize()) == Some(&true) {
            let last = text.get(found.range()).and_then(|matched| matched.chars().next_back());
            end -= last.map_or(0, char::len_utf8);
        }
        Some(found.start()..end)
    }
}

/// The alternatives of the whole pattern, without groups around them.
fn flatten(node: &Node) -> Vec<&Node> {
    match node {
        Node::Alternate(nodes) => nodes.iter().flat_map(flatten).collect(),
        // Which groups take part is of no interest where nothing refers to them.
        Node::Group { node, .. } => flatten(node),
        Node::Concat(nodes) if nodes.len() == 1 => nodes.iter().flat_map(flatten).collect(),
        other => vec![other],
    }
}

/// The class X of `X+(?!Y)` where Y is everything that X is not.
fn run_before_its_complement(node: &Node) -> Option<&regex_syntax::hir::ClassUnicode> {
    let Node::Concat(nodes) = node else { return None };
    let [Node::Repeat { node, min: 1, max: None, greed: Greed::Greedy }, look] = nodes.as_slice() else {
        return None;
    };
    let (Node::Class(class), Node::Look { ahead: true, negate: true, node }) = (&**node, look) else {
        return None;
    };
    let Node::Class(other) = &**node else { return None };
    let mut complement = class.clone();
    complement.negate();
    (complement == *other).then_some(class)
}

fn convert_alternative(node: &Node) -> Option<Hir> {
    // At the end of the text the automaton sees the start of a line after a line feed, where the reference does not:
    // of no matter where characters must follow.
    if let Node::Concat(nodes) = node
        && let Some((Node::Assert(Assertion::LineStart), rest)) = nodes.split_first()
        && rest.iter().any(|node| node.min_len() > 0)
    {
        let mut parts = convert_all(rest, &Rest::end())?;
        parts.insert(0, Hir::look(Look::StartLF));
        return Some(Hir::concat(parts));
    }
    convert(node, &Rest::end())
}

/// The same for an automaton, before `rest`.
fn convert(node: &Node, rest: &Rest) -> Option<Hir> {
    Some(match node {
        Node::Empty => Hir::empty(),
        Node::Class(class) => Hir::class(Class::Unicode(class.clone())),
        Node::Concat(nodes) => Hir::concat(convert_all(nodes, rest)?),
        Node::Alternate(nodes) => {
            Hir::alternation(nodes.iter().map(|node| convert(node, rest)).collect::<Option<_>>()?)
        }
        Node::Group { node, .. } => convert(node, rest)?,
        Node::Repeat { node, min, max, greed } => {
            // Loops over what may be empty end differently in different engines.
            if node.min_len() == 0 && *max != Some(1) {
                return None;
            }
            if *greed == Greed::Possessive && !gives_nothing_back(node, rest) {
                return None;
            }
            // What follows a turn may be another turn: inside, nothing is known of the rest.
            let unknown = Rest { first: super::syntax::everything(), empty: Emptiness::Perhaps };
            let inner = if *max == Some(1) { rest } else { &unknown };
            let sub = Box::new(convert(node, inner)?);
            let greedy = *greed != Greed::Lazy;
            Hir::repetition(Repetition { min: *min, max: *max, greedy, sub })
        }
        Node::Assert(Assertion::LineEnd) => Hir::look(Look::EndLF),
        Node::Assert(Assertion::TextStart) => Hir::look(Look::Start),
        Node::Assert(Assertion::TextEnd) => Hir::look(Look::End),
        Node::Assert(_) | Node::Look { .. } | Node::Atomic(_) | Node::Backreference { .. } => return None,
    })
}

fn convert_all(nodes: &[Node], rest: &Rest) -> Option<Vec<Hir>> {
    let mut converted = Vec::with_capacity(nodes.len());
    let mut rest = rest.clone();
    for (index, node) in nodes.iter().enumerate().rev() {
        let next = nodes.get(index + 1);
        converted.push(match (node, next) {
            // Once it has taken all line feeds, the end of a line is the end of the text.
            (
                Node::Repeat { node, min, max: None, greed: Greed::Possessive },
                Some(Node::Assert(Assertion::LineEnd)),
            ) if matches!(&**node, Node::Class(class) if contains(class, '\n')) => {
                let run = greedy(convert(node, &rest)?, *min, None);
                Hir::concat(vec![run, Hir::look(Look::End)])
            }
            _ => convert(node, &rest)?,
        });
        rest = rest.after(node);
    }
    converted.reverse();
    Some(converted)
}

/// Whether a possessive loop over `node` before `rest` would give nothing back if it could.
///
/// If the rest can always be empty, the first try, with as much as there is, succeeds. If it must begin with a
/// character that the loop does not take, it fails at all that the loop could give back.
fn gives_nothing_back(node: &Node, rest: &Rest) -> bool {
    let Node::Class(class) = node else { return rest.empty == Emptiness::Always };
    match rest.empty {
        Emptiness::Always => true,
        Emptiness::Never => are_disjoint(class, &rest.first),
        Emptiness::Perhaps => false,
    }
}

fn greedy(node: Hir, min: u32, max: Option<u32>) -> Hir {
    Hir::repetition(Repetition { min, max, greedy: true, sub: Box::new(node) })
}
