//! Parentheses and what refers back to them.

use super::parser::{Atom, Parser};
use super::{Assertion, Node};
use crate::error::Result;

/// For each capturing group of the pattern, in order of their opening parentheses, its name.
pub(super) fn names(characters: &[char]) -> Vec<Option<String>> {
    let mut names = Vec::new();
    let (mut at, mut depth) = (0, 0usize);
    while let Some(&character) = characters.get(at) {
        match character {
            '\\' => at += 1,
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '(' if depth == 0 => match (characters.get(at + 1), characters.get(at + 2)) {
                (Some('?'), Some(&open @ ('<' | '\''))) => {
                    let close = if open == '<' { '>' } else { '\'' };
                    let rest = characters.get(at + 3..).unwrap_or_default();
                    let look_behind = open == '<' && matches!(rest.first(), Some('=' | '!'));
                    if !look_behind {
                        names.push(Some(rest.iter().take_while(|&&other| other != close).collect()));
                    }
                }
                (Some('?' | '*'), _) => {}
                _ => names.push(None),
            },
            _ => {}
        }
        at += 1;
    }
    // As soon as one group has a name those without do not capture.
    if names.iter().any(Option::is_some) {
        names.retain(Option::is_some);
    }
    names
}

impl Parser {
    /// After the opening parenthesis at `start`; none for options that hold for the rest of the group around.
    pub fn group(&mut self, start: usize) -> Result<Option<Node>> {
        if self.looking_at("*") {
            return Err(self.unsupported(start, "a callout"));
        }
        if !self.eat("?") {
            if self.has_named {
                return self.body(start).map(Some);
            }
            return self.capture(start).map(Some);
        }
        let look = [("<=", false, false), ("<!", false, true), ("=", true, false), ("!", true, true)];
        for (marker, ahead, negate) in look {
            if self.eat(marker) {
                return self.look(start, ahead, negate).map(Some);
            }
        }
        if self.eat(">") {
            return Ok(Some(Node::Atomic(Box::new(self.body(start)?))));
        }
        if self.eat(":") {
            return self.body(start).map(Some);
        }
        if self.eat("<") || self.eat("'") {
            let close = if self.characters.get(self.at - 1) == Some(&'<') { '>' } else { '\'' };
            let name = self.until(close, "group name")?;
            if name.is_empty()
                || name.starts_with(|first: char| first.is_ascii_digit() || "+-".contains(first))
            {
                return Err(self.error_at(start, format!("{name:?} is no name of a group")));
            }
            return self.capture(start).map(Some);
        }
        for (marker, what) in [("~", "an absent function"), ("(", "a condition"), ("{", "a callout")] {
            if self.looking_at(marker) {
                return Err(self.unsupported(start, what));
            }
        }
        self.with_options(start)
    }

    /// What the parentheses hold, the closing one consumed.
    fn body(&mut self, start: usize) -> Result<Node> {
        let node = self.deeper(Self::alternatives)?;
        if !self.eat(")") {
            return Err(self.error_at(start, "an opening parenthesis without its closing one"));
        }
        Ok(node)
    }

    fn capture(&mut self, start: usize) -> Result<Node> {
        if self.in_negative_look_behind {
            return Err(self.error_at(start, "a capturing group in a negative look-behind"));
        }
        let index = self.next_group;
        self.next_group += 1;
        self.open_groups.push(index);
        let node = self.body(start)?;
        self.open_groups.pop();
        Ok(Node::Group { index, node: Box::new(node) })
    }

    fn look(&mut self, start: usize, ahead: bool, negate: bool) -> Result<Node> {
        let outside = self.in_negative_look_behind;
        self.in_negative_look_behind |= !ahead && negate;
        let node = self.body(start)?;
        self.in_negative_look_behind = outside;
        if !ahead && node.any(&|node| matches!(node, Node::Look { .. } | Node::Atomic(_))) {
            return Err(self.unsupported(start, "an atomic group or look-around in a look-behind"));
        }
        let is_end = |node: &Node| matches!(node, Node::Assert(Assertion::TextEnd | Assertion::LastLineEnd));
        if !ahead && node.any(&is_end) {
            return Err(self.error_at(start, "the end of the text in a look-behind"));
        }
        Ok(Node::Look { ahead, negate, node: Box::new(node) })
    }

    /// `(?i-m:...)`, or `(?i-m)` for what follows.
    fn with_options(&mut self, start: usize) -> Result<Option<Node>> {
        let outside = self.options;
        let mut on = true;
        loop {
            let at = self.at;
            let Some(letter) = self.peek() else {
                return Err(self.error_at(start, "an opening parenthesis without its closing one"));
            };
            self.at += 1;
            match letter {
                '-' => on = false,
                'i' => self.options.ignore_case = on,
                'm' => self.options.dot_all = on,
                'x' => self.options.extended = on,
                'W' => self.options.ascii_word = on,
                'D' => self.options.ascii_digit = on,
                'S' => self.options.ascii_space = on,
                'P' => self.options.ascii_posix = on,
                'y' | 'C' | 'I' | 'L' => {
                    return Err(self.unsupported(at, &format!("the option {letter}")));
                }
                // Those for the rest are undone where the group around ends.
                ')' => return Ok(None),
                ':' => {
                    let node = self.body(start)?;
                    self.options = outside;
                    // Such a group can be repeated whatever it holds.
                    return Ok(Some(Node::Concat(vec![node])));
                }
                other => return Err(self.error_at(at, format!("unknown option {other:?} of a group"))),
            }
        }
    }

    /// `\1`
    pub fn numbered_backreference(&mut self, start: usize) -> Result<Atom> {
        let at = self.at;
        let number = self.digits(10, 1, 9).unwrap_or_default() as usize;
        if self.has_named {
            return Err(self.error_at(start, "a numbered backreference where groups have names"));
        }
        if number <= self.group_names.len() {
            return self.backreference(start, vec![number]).map(Atom::Node);
        }
        // A number of no group that can be octal is a character.
        self.at = at;
        if number <= 9 || self.peek().is_some_and(|digit| digit > '7') {
            return Err(self.error_at(start, format!("no group {number} to refer back to")));
        }
        match self.digits(8, 1, 3).and_then(char::from_u32) {
            Some(character) if character.is_ascii() => Ok(Atom::Literal(character)),
            _ => Err(self.unsupported(start, "an octal number beyond ASCII")),
        }
    }

    /// `\k<name>`, `\k<1>`, `\k<-1>`
    pub fn named_backreference(&mut self, start: usize) -> Result<Node> {
        self.at += 1;
        let close = match self.peek() {
            Some('<') => '>',
            Some('\'') => '\'',
            _ => return Err(self.unsupported(start, r"\k without a name")),
        };
        self.at += 1;
        let name = self.until(close, "group name")?;
        if let Some(relative) = name.strip_prefix('-').and_then(|number| number.parse::<usize>().ok()) {
            let group = self.next_group.checked_sub(relative).filter(|&group| group > 0);
            let group = group.ok_or_else(|| self.error_at(start, format!("no group {name}")))?;
            return self.backreference(start, vec![group]);
        }
        if let Ok(number) = name.parse::<usize>() {
            if self.has_named || number == 0 || number > self.group_names.len() {
                return Err(self.error_at(start, format!("no group {number} to refer back to")));
            }
            return self.backreference(start, vec![number]);
        }
        let is_named = |(_, other): &(usize, &Option<String>)| other.as_deref() == Some(name.as_str());
        let groups: Vec<usize> =
            self.group_names.iter().enumerate().filter(is_named).map(|(index, _)| index + 1).collect();
        if groups.is_empty() {
            return Err(self.error_at(start, format!("no group {name:?} to refer back to")));
        }
        self.backreference(start, groups)
    }

    fn backreference(&self, start: usize, groups: Vec<usize>) -> Result<Node> {
        if groups.iter().any(|group| self.open_groups.contains(group)) {
            return Err(self.unsupported(start, "a backreference to the group that it is in"));
        }
        Ok(Node::Backreference { groups, ignore_case: self.options.ignore_case })
    }
}
