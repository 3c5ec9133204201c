//! From the text of a pattern to its tree.

use regex_syntax::hir::ClassUnicode;

use super::fold;
use super::{Assertion, Greed, Node};
use crate::error::{Result, TokenizerError};

/// Oniguruma's bound on the numbers of an interval.
const MAX_REPEAT: u32 = 100_000;
/// How deep groups and classes may lie in each other.
const MAX_DEPTH: usize = 200;

/// What `(?imxWDSP)` has switched on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {
    pub ignore_case: bool,
    pub dot_all: bool,
    pub extended: bool,
    pub ascii_word: bool,
    pub ascii_digit: bool,
    pub ascii_space: bool,
    pub ascii_posix: bool,
}

/// Reads one pattern.
pub(super) struct Parser {
    pub characters: Vec<char>,
    pub at: usize,
    pub options: Options,
    /// Number of groups in the whole pattern, known beforehand for backreferences to later ones.
    pub group_names: Vec<Option<String>>,
    pub next_group: usize,
    pub has_named: bool,
    /// The groups whose end is still to come.
    pub open_groups: Vec<usize>,
    pub in_negative_look_behind: bool,
    depth: usize,
}

/// The tree of `pattern`.
pub(in crate::pattern) fn parse(pattern: &str) -> Result<Node> {
    let characters: Vec<char> = pattern.chars().collect();
    let group_names = super::group::names(&characters);
    let has_named = group_names.iter().any(Option::is_some);
    let mut parser = Parser {
        characters,
        at: 0,
        options: Options::default(),
        group_names,
        next_group: 1,
        has_named,
        open_groups: Vec::new(),
        in_negative_look_behind: false,
        depth: 0,
    };
    let node = parser.alternatives()?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.error("closing parenthesis without an opening one")),
    }
}

impl Parser {
    pub fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    pub fn looking_at(&self, text: &str) -> bool {
        text.chars()
            .enumerate()
            .all(|(offset, character)| self.characters.get(self.at + offset) == Some(&character))
    }

    pub fn eat(&mut self, text: &str) -> bool {
        let found = self.looking_at(text);
        if found {
            self.at += text.chars().count();
        }
        found
    }

    /// The characters up to `end`, which is consumed too.
    pub fn until(&mut self, end: char, what: &str) -> Result<String> {
        let rest = self.characters.get(self.at..).unwrap_or_default();
        let Some(length) = rest.iter().position(|&character| character == end) else {
            return Err(self.error(format!("{what} without its closing {end:?}")));
        };
        let text = rest.iter().take(length).collect();
        self.at += length + 1;
        Ok(text)
    }

    pub fn error(&self, message: impl std::fmt::Display) -> TokenizerError {
        self.error_at(self.at, message)
    }

    pub fn error_at(&self, at: usize, message: impl std::fmt::Display) -> TokenizerError {
        let pattern: String = self.characters.iter().collect();
        TokenizerError::argument("pattern", format!("{message}, at character {at} of {pattern:?}"))
    }

    /// An error for what the reference understands and this engine does not.
    pub fn unsupported(&self, at: usize, what: &str) -> TokenizerError {
        self.error_at(at, format!("{what} is not supported"))
    }

    pub fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("more than {MAX_DEPTH} groups and classes inside each other")));
        }
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Alternatives up to a closing parenthesis, which is left, or the end.
    pub fn alternatives(&mut self) -> Result<Node> {
        let options = self.options;
        let mut alternatives = Vec::new();
        loop {
            alternatives.push(self.deeper(Self::sequence)?);
            if !self.eat("|") {
                break;
            }
        }
        self.options = options;
        Ok(match alternatives.pop() {
            Some(only) if alternatives.is_empty() => only,
            last => {
                alternatives.extend(last);
                Node::Alternate(alternatives)
            }
        })
    }

    fn sequence(&mut self) -> Result<Node> {
        let mut nodes = Vec::new();
        // Characters that are folded together, since one may stand for several of the other case.
        let mut literal: Vec<char> = Vec::new();
        while let Some(character) = self.peek() {
            if character == '|' || character == ')' {
                break;
            }
            if self.skip_extended()? {
                continue;
            }
            let start = self.at;
            let Some(atom) = self.atom()? else {
                // Options without a group hold up to the end of the group, alternatives included.
                flush(&mut literal, &mut nodes, self)?;
                nodes.push(self.alternatives()?);
                break;
            };
            let repeats = self.quantifiers_follow()?;
            match atom {
                Atom::Literal(character) if self.options.ignore_case && !repeats => {
                    literal.push(character);
                    continue;
                }
                _ => flush(&mut literal, &mut nodes, self)?,
            }
            let node = match atom {
                Atom::Literal(character) if self.options.ignore_case => {
                    fold::literal(&[character]).map_err(|message| self.error_at(start, message))?
                }
                Atom::Literal(character) => Node::Class(super::single(character)),
                Atom::Node(node) => node,
            };
            nodes.push(self.quantified(node)?);
        }
        flush(&mut literal, &mut nodes, self)?;
        Ok(match nodes.pop() {
            None => Node::Empty,
            Some(only) if nodes.is_empty() => only,
            Some(last) => {
                nodes.push(last);
                Node::Concat(nodes)
            }
        })
    }

    /// Skip what `(?x)` lets a pattern contain between its parts.
    fn skip_extended(&mut self) -> Result<bool> {
        if self.looking_at("(?#") {
            self.until(')', "comment")?;
            return Ok(true);
        }
        if !self.options.extended {
            return Ok(false);
        }
        match self.peek() {
            Some('#') => {
                while self.peek().is_some_and(|character| character != '\n') {
                    self.at += 1;
                }
                Ok(true)
            }
            Some(' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c') => {
                self.at += 1;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn quantifiers_follow(&mut self) -> Result<bool> {
        while self.skip_extended()? {}
        let at = self.at;
        let found = self.interval()?.is_some();
        self.at = at;
        Ok(found)
    }

    /// One character, class, assertion or group; none for options that hold for the rest of the group.
    fn atom(&mut self) -> Result<Option<Atom>> {
        let start = self.at;
        let character = self.peek().unwrap_or_default();
        if self.interval()?.is_some() {
            return Err(self.error_at(start, "nothing to repeat"));
        }
        self.at = start + 1;
        let node = match character {
            '.' => Node::Class(self.dot(self.options.dot_all)),
            '^' => Node::Assert(Assertion::LineStart),
            '$' => Node::Assert(Assertion::LineEnd),
            '[' => self.class(start)?,
            '(' => return Ok(self.group(start)?.map(Atom::Node)),
            '\\' => return self.escape(start).map(Some),
            literal => return Ok(Some(Atom::Literal(literal))),
        };
        Ok(Some(Atom::Node(node)))
    }

    pub fn dot(&self, dot_all: bool) -> ClassUnicode {
        let mut class = super::everything();
        if !dot_all {
            class.difference(&super::single('\n'));
        }
        class
    }

    /// `node` with the quantifiers that follow.
    fn quantified(&mut self, mut node: Node) -> Result<Node> {
        loop {
            while self.skip_extended()? {}
            let at = self.at;
            let Some((min, max, greed)) = self.interval()? else { return Ok(node) };
            if is_assertion(&node) {
                return Err(self.error_at(at, "what has no length cannot be repeated"));
            }
            node = Node::Repeat { node: Box::new(node), min, max, greed };
        }
    }

    /// A quantifier; the braces of what is none are literal.
    fn interval(&mut self) -> Result<Option<(u32, Option<u32>, Greed)>> {
        let (min, max) = match self.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => return self.braces(),
            _ => return Ok(None),
        };
        self.at += 1;
        let greed = if self.eat("?") {
            Greed::Lazy
        } else if self.eat("+") {
            Greed::Possessive
        } else {
            Greed::Greedy
        };
        Ok(Some((min, max, greed)))
    }

    fn braces(&mut self) -> Result<Option<(u32, Option<u32>, Greed)>> {
        let start = self.at;
        self.at += 1;
        let low = self.number()?;
        let comma = self.eat(",");
        let high = if comma { self.number()? } else { low };
        if !self.eat("}") || (low.is_none() && high.is_none()) {
            self.at = start;
            return Ok(None);
        }
        let min = low.unwrap_or(0);
        match high {
            // Written backwards an interval is possessive.
            Some(max) if max < min => Ok(Some((max, Some(min), Greed::Possessive))),
            // Without a comma the question mark is a quantifier of its own.
            _ if comma && self.eat("?") => Ok(Some((min, high, Greed::Lazy))),
            _ => Ok(Some((min, high, Greed::Greedy))),
        }
    }

    fn number(&mut self) -> Result<Option<u32>> {
        let start = self.at;
        let mut number: u32 = 0;
        while let Some(digit) = self.peek().and_then(|character| character.to_digit(10)) {
            number = number.saturating_mul(10).saturating_add(digit);
            self.at += 1;
        }
        if number > MAX_REPEAT {
            return Err(self.error_at(start, format!("a repeat of more than {MAX_REPEAT}")));
        }
        Ok((self.at > start).then_some(number))
    }
}

/// What an atom is before its case is folded.
pub(super) enum Atom {
    Literal(char),
    Node(Node),
}

fn flush(literal: &mut Vec<char>, nodes: &mut Vec<Node>, parser: &Parser) -> Result<()> {
    if !literal.is_empty() {
        nodes.push(fold::literal(literal).map_err(|message| parser.error(message))?);
        literal.clear();
    }
    Ok(())
}

/// What the reference does not let be repeated; several in a row it does.
fn is_assertion(node: &Node) -> bool {
    match node {
        Node::Assert(_) | Node::Look { .. } => true,
        Node::Alternate(nodes) => nodes.iter().any(is_assertion),
        _ => false,
    }
}
