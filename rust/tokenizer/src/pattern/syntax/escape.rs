//! What a backslash begins.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::parser::{Atom, Parser};
use super::{Assertion, Node, named};
use crate::error::Result;

/// What an escape means inside a character class and outside.
pub(super) enum Escaped {
    Character(char),
    Set(ClassUnicode),
}

impl Parser {
    /// After a backslash at `start`, outside of classes.
    pub fn escape(&mut self, start: usize) -> Result<Atom> {
        let Some(character) = self.peek() else { return Err(self.error_at(start, "a pattern ends in \\")) };
        let assertion = match character {
            'A' => Some(Assertion::TextStart),
            'Z' => Some(Assertion::LastLineEnd),
            'z' => Some(Assertion::TextEnd),
            'b' if !self.options.ascii_word => Some(Assertion::WordBoundary),
            'B' if !self.options.ascii_word => Some(Assertion::NotWordBoundary),
            'G' => Some(Assertion::SearchStart),
            _ => None,
        };
        if let Some(assertion) = assertion {
            self.at += 1;
            return Ok(Atom::Node(Node::Assert(assertion)));
        }
        match character {
            'b' | 'B' => Err(self.unsupported(start, "a word boundary of ASCII words")),
            'K' => Err(self.unsupported(start, r"\K")),
            'X' | 'y' | 'Y' => Err(self.unsupported(start, "text segmentation")),
            'g' if self.characters.get(self.at + 1) == Some(&'<')
                || self.characters.get(self.at + 1) == Some(&'\'') =>
            {
                Err(self.unsupported(start, "calling a group"))
            }
            'R' => {
                self.at += 1;
                Ok(Atom::Node(general_newline()))
            }
            'N' => {
                self.at += 1;
                Ok(Atom::Node(Node::Class(self.dot(false))))
            }
            'O' => {
                self.at += 1;
                Ok(Atom::Node(Node::Class(self.dot(true))))
            }
            'k' => self.named_backreference(start).map(Atom::Node),
            '1'..='9' => self.numbered_backreference(start),
            _ => Ok(match self.escaped(start, false)? {
                Escaped::Character(character) => Atom::Literal(character),
                Escaped::Set(class) => Atom::Node(Node::Class(class)),
            }),
        }
    }

    /// After a backslash: what means the same inside a class and outside.
    pub fn escaped(&mut self, start: usize, in_class: bool) -> Result<Escaped> {
        let Some(character) = self.peek() else { return Err(self.error_at(start, "a pattern ends in \\")) };
        self.at += 1;
        if let Some(class) = self.shorthand(character, in_class) {
            return Ok(Escaped::Set(class));
        }
        Ok(Escaped::Character(match character {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\x0c',
            'v' => '\x0b',
            'a' => '\x07',
            'e' => '\x1b',
            'p' | 'P' if self.looking_at("{") => {
                return self.property(start, character == 'P', in_class).map(Escaped::Set);
            }
            'x' if self.eat("{") => self.code_point(start)?,
            'x' => self.bytes(start)?,
            'u' => {
                let code = self.digits(16, 4, 4);
                let character = code.and_then(char::from_u32);
                character.ok_or_else(|| {
                    self.error_at(start, r"\u without four hexadecimal digits of a character")
                })?
            }
            'o' if self.eat("{") => return Err(self.unsupported(start, r"\o{}")),
            '0'..='7' => {
                self.at -= 1;
                let code = self.digits(8, 1, 3).unwrap_or_default();
                match char::from_u32(code) {
                    Some(character) if character.is_ascii() => character,
                    _ => return Err(self.unsupported(start, "an octal number beyond ASCII")),
                }
            }
            'c' => self.control(start)?,
            'C' if self.eat("-") => self.control(start)?,
            'M' if self.looking_at("-") => return Err(self.unsupported(start, r"\M-")),
            other => other,
        }))
    }

    fn shorthand(&self, character: char, in_class: bool) -> Option<ClassUnicode> {
        let options = self.options;
        let (name, ascii) = match character {
            'w' | 'W' => ("word", options.ascii_word || options.ascii_posix),
            'd' | 'D' => ("digit", options.ascii_digit || options.ascii_posix),
            's' | 'S' => ("space", options.ascii_space || options.ascii_posix),
            'h' | 'H' => ("xdigit", false),
            _ => return None,
        };
        let mut class = if name == "word" { named::word(in_class) } else { named::posix(name)? };
        if ascii {
            class.intersect(&named::ascii());
        }
        if character.is_ascii_uppercase() {
            class.negate();
        }
        Some(class)
    }

    /// After `\p` or `\P`, at a brace; without one they are letters.
    fn property(&mut self, start: usize, negated: bool, in_class: bool) -> Result<ClassUnicode> {
        let mut negated = negated;
        self.at += 1;
        negated ^= self.eat("^");
        let name = self.until('}', "property name")?;
        let mut class = named::property(&name, in_class)
            .ok_or_else(|| self.error_at(start, format!("unknown or unsupported property {name:?}")))?;
        if self.options.ascii_posix && named::is_posix(&name) {
            class.intersect(&named::ascii());
        }
        if negated {
            class.negate();
        }
        Ok(class)
    }

    /// After `\x{`.
    fn code_point(&mut self, start: usize) -> Result<char> {
        let code = self.digits(16, 1, 8);
        match code.and_then(char::from_u32) {
            Some(character) if self.eat("}") => Ok(character),
            _ if self.peek() == Some(' ') => Err(self.unsupported(start, "a sequence of code points")),
            _ => Err(self.error_at(start, r"\x{} without the number of a character")),
        }
    }

    /// After `\x`: one byte, or those of a character in UTF-8, each with its own `\x`.
    fn bytes(&mut self, start: usize) -> Result<char> {
        // Without digits it is the character U+0000, as in the reference.
        let mut bytes = vec![self.digits(16, 1, 2).unwrap_or_default() as u8];
        let invalid = r"\x with bytes that are not those of a character in UTF-8";
        let length = match bytes[0] {
            0..=0x7f => 1,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return Err(self.error_at(start, invalid)),
        };
        while bytes.len() < length && self.eat("\\x") {
            bytes.push(self.digits(16, 1, 2).unwrap_or_default() as u8);
        }
        let text = std::str::from_utf8(&bytes).ok().and_then(|text| text.chars().next());
        text.ok_or_else(|| self.error_at(start, invalid))
    }

    fn control(&mut self, start: usize) -> Result<char> {
        match self.peek() {
            Some('?') => {
                self.at += 1;
                Ok('\x7f')
            }
            Some(character) if character.is_ascii() && character != '\\' => {
                self.at += 1;
                Ok(char::from(character as u8 & 0x1f))
            }
            _ => Err(self.error_at(start, "a control character without a letter")),
        }
    }

    /// Between `least` and `most` digits of this base.
    pub fn digits(&mut self, base: u32, least: usize, most: usize) -> Option<u32> {
        let start = self.at;
        let mut number: u32 = 0;
        while let Some(digit) = self.peek().and_then(|character| character.to_digit(base)) {
            if self.at - start == most {
                break;
            }
            number = number.checked_mul(base)?.checked_add(digit)?;
            self.at += 1;
        }
        (self.at - start >= least).then_some(number)
    }
}

/// `\R`
fn general_newline() -> Node {
    let pair = Node::Concat(vec![Node::Class(super::single('\r')), Node::Class(super::single('\n'))]);
    let range = |start, end| ClassUnicodeRange::new(start, end);
    let ranges = [range('\x0a', '\x0d'), range('\u{85}', '\u{85}'), range('\u{2028}', '\u{2029}')];
    Node::Atomic(Box::new(Node::Alternate(vec![pair, Node::Class(ClassUnicode::new(ranges))])))
}
