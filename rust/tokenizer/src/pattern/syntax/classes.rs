//! Character classes in brackets.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::escape::Escaped;
use super::parser::Parser;
use super::{Node, fold, named};
use crate::error::Result;

impl Parser {
    /// After the opening bracket at `start`, outside of other classes.
    pub fn class(&mut self, start: usize) -> Result<Node> {
        let (mut class, negated) = self.deeper(|parser| parser.class_set(start))?;
        let mut longer = Vec::new();
        if self.options.ignore_case {
            if !negated {
                longer = fold::longer(&class);
            }
            fold::close(&mut class);
        }
        if negated {
            class.negate();
        }
        if longer.is_empty() {
            return Ok(Node::Class(class));
        }
        longer.insert(0, Node::Class(class));
        Ok(Node::Alternate(longer))
    }

    /// The set before it is negated, and whether it is.
    fn class_set(&mut self, start: usize) -> Result<(ClassUnicode, bool)> {
        let negated = self.eat("^");
        let mut set = Set { before: None, current: ClassUnicode::empty() };
        // A closing bracket that comes first is literal if another one follows.
        if self.peek() == Some(']') {
            if self.characters.get(self.at + 1..).is_some_and(|rest| rest.contains(&']')) {
                self.at += 1;
                self.item(&mut set, ']', start)?;
            } else {
                return Err(self.error_at(start, "an empty class"));
            }
        }
        loop {
            let at = self.at;
            let Some(character) = self.peek() else {
                return Err(self.error_at(start, "class without its closing \"]\""));
            };
            self.at += 1;
            match character {
                ']' => break,
                '[' if self.looking_at(":") => match self.posix_bracket(at)? {
                    Some(class) => self.set_item(&mut set, &class)?,
                    None => self.nested(&mut set, at)?,
                },
                '[' => self.nested(&mut set, at)?,
                '&' if self.eat("&") => set.intersect(),
                '\\' => match self.class_escape(at)? {
                    Escaped::Character(character) => self.item(&mut set, character, at)?,
                    Escaped::Set(class) => self.set_item(&mut set, &class)?,
                },
                literal => self.item(&mut set, literal, at)?,
            }
        }
        Ok((set.finish(), negated))
    }

    fn nested(&mut self, set: &mut Set, at: usize) -> Result<()> {
        let (mut class, negated) = self.deeper(|parser| parser.class_set(at))?;
        if negated {
            class.negate();
        }
        set.current.union(&class);
        Ok(())
    }

    /// A set such as `\w`, which cannot start a range.
    fn set_item(&mut self, set: &mut Set, class: &ClassUnicode) -> Result<()> {
        set.current.union(class);
        let next = self.characters.get(self.at + 1).copied();
        if self.peek() == Some('-') && next.is_some_and(|next| next != ']') && !self.ends_operand(self.at + 1)
        {
            return Err(self.error("a range that starts with a set"));
        }
        Ok(())
    }

    /// Whether `&&` is at `at`.
    fn ends_operand(&self, at: usize) -> bool {
        self.characters.get(at) == Some(&'&') && self.characters.get(at + 1) == Some(&'&')
    }

    /// A character, or a range that starts with it.
    fn item(&mut self, set: &mut Set, first: char, at: usize) -> Result<()> {
        let next = self.characters.get(self.at + 1).copied();
        let is_range = self.peek() == Some('-')
            && next.is_some_and(|next| next != ']')
            && !self.ends_operand(self.at + 1);
        if !is_range {
            set.current.push(ClassUnicodeRange::new(first, first));
            return Ok(());
        }
        self.at += 1;
        let end_at = self.at;
        let last = self.peek().unwrap_or_default();
        self.at += 1;
        let last = match last {
            '\\' => match self.class_escape(end_at)? {
                Escaped::Character(character) => character,
                Escaped::Set(_) => return Err(self.error_at(end_at, "a range that ends with a set")),
            },
            '[' => return Err(self.unsupported(end_at, "a range that ends with a class")),
            literal => literal,
        };
        if last < first {
            return Err(self.error_at(at, format!("the range {first:?} to {last:?} runs backwards")));
        }
        set.current.push(ClassUnicodeRange::new(first, last));
        // A hyphen right after a range is literal.
        if self.peek() == Some('-') {
            self.at += 1;
            set.current.push(ClassUnicodeRange::new('-', '-'));
        }
        Ok(())
    }

    fn class_escape(&mut self, start: usize) -> Result<Escaped> {
        match self.peek() {
            Some('b') => {
                self.at += 1;
                Ok(Escaped::Character('\x08'))
            }
            _ => self.escaped(start, true),
        }
    }

    /// After `[` before `:`: `[:name:]`; none if this is a class that starts with a colon.
    fn posix_bracket(&mut self, at: usize) -> Result<Option<ClassUnicode>> {
        let rest = self.characters.get(self.at + 1..).unwrap_or_default();
        let end = rest.iter().take(20).position(|&character| character == ':' || character == ']');
        let Some(length) = end.filter(|&length| rest.get(length..length + 2) == Some(&[':', ']'])) else {
            return Ok(None);
        };
        let name: String = rest.iter().take(length).collect();
        let (name, negated) = name.strip_prefix('^').map_or((name.as_str(), false), |name| (name, true));
        let mut class =
            named::posix(name).ok_or_else(|| self.error_at(at, format!("unknown class [:{name}:]")))?;
        let options = self.options;
        let ascii = options.ascii_posix
            || (options.ascii_word && name == "word")
            || (options.ascii_digit && name == "digit")
            || (options.ascii_space && name == "space");
        if ascii {
            class.intersect(&named::ascii());
        }
        if negated {
            class.negate();
        }
        self.at += length + 3;
        Ok(Some(class))
    }
}

/// Operands of `&&`.
struct Set {
    before: Option<ClassUnicode>,
    current: ClassUnicode,
}

impl Set {
    fn intersect(&mut self) {
        let current = std::mem::replace(&mut self.current, ClassUnicode::empty());
        match &mut self.before {
            None => self.before = Some(current),
            Some(before) => before.intersect(&current),
        }
    }

    fn finish(mut self) -> ClassUnicode {
        if self.before.is_some() {
            self.intersect();
        }
        self.before.unwrap_or(self.current)
    }
}
