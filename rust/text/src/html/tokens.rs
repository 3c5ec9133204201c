//! Markup into tags and text, after the tokenization of the HTML standard
//! (<https://html.spec.whatwg.org/multipage/parsing.html#tokenization>), as far as text depends on it.
//!
//! Every byte is looked at a bounded number of times, whatever is unclosed: what has no end goes on to the end of the
//! page. Positions are bytes of the source; entities are decoded by those who need the text.

use std::ops::Range;

use ferrolm_base::Cancel;
use memchr::memchr;

use super::tags::Tag;

/// The attributes that tell something about text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Key {
    Alt,
    AriaHidden,
    Class,
    Content,
    Hidden,
    Href,
    HttpEquiv,
    Id,
    ItemProp,
    Lang,
    Name,
    Property,
    Role,
    Src,
    Start,
    Style,
    Type,
}

impl Key {
    fn of(name: &[u8]) -> Option<Self> {
        let mut lowercase = [0; 12];
        let lowercase = lowercase.get_mut(..name.len())?;
        lowercase.copy_from_slice(name);
        lowercase.make_ascii_lowercase();
        Some(match &*lowercase {
            b"alt" => Self::Alt,
            b"aria-hidden" => Self::AriaHidden,
            b"class" => Self::Class,
            b"content" => Self::Content,
            b"hidden" => Self::Hidden,
            b"href" => Self::Href,
            b"http-equiv" => Self::HttpEquiv,
            b"id" => Self::Id,
            b"itemprop" => Self::ItemProp,
            b"lang" => Self::Lang,
            b"name" => Self::Name,
            b"property" => Self::Property,
            b"role" => Self::Role,
            b"src" => Self::Src,
            b"start" => Self::Start,
            b"style" => Self::Style,
            b"type" => Self::Type,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone)]
pub struct Attribute {
    pub key: Key,
    pub value: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Text(Range<usize>),
    /// The content of an element like `script`, whose end tag follows as a token.
    Raw(Range<usize>),
    /// Its attributes are [`Tokens::attributes`] until the next token.
    Start {
        tag: Tag,
        self_closing: bool,
    },
    End(Tag),
}

/// Longer runs of text come in pieces, so that whoever works through them can stop in between.
const LONGEST_TEXT: usize = 1 << 16;
/// Entities are shorter, and text is not cut inside of one.
const LONGEST_ENTITY: usize = 40;
/// Attributes of one tag between two looks at the flag.
const POLL: usize = 1 << 12;

pub struct Tokens<'a> {
    source: &'a str,
    at: usize,
    raw: Option<(Tag, Range<usize>)>,
    pub attributes: Vec<Attribute>,
    cancel: &'a Cancel,
}

impl<'a> Tokens<'a> {
    /// Ends early when `cancel` is raised: the caller looks at it afterwards.
    pub fn new(source: &'a str, cancel: &'a Cancel) -> Self {
        Self { source, at: 0, raw: None, attributes: Vec::new(), cancel }
    }

    fn rest(&self) -> &'a [u8] {
        self.source.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.source.as_bytes().get(self.at).copied()
    }

    /// The end of the text that begins here: the next markup, or a place to cut.
    fn text_end(&self) -> usize {
        let bytes = self.source.as_bytes();
        let limit = bytes.len().min(self.at + LONGEST_TEXT);
        let mut from = self.at;
        while let Some(found) = bytes.get(from..limit).and_then(|rest| memchr(b'<', rest)) {
            from += found + 1;
            if from - 1 > self.at && opens_markup(bytes.get(from).copied()) {
                return from - 1;
            }
        }
        if limit == bytes.len() { limit } else { self.cut(limit) }
    }

    /// A place at or shortly before `limit` that is inside of no character and no entity.
    fn cut(&self, limit: usize) -> usize {
        let bytes = self.source.as_bytes();
        let tail = limit - LONGEST_ENTITY;
        let entity = bytes.get(tail..limit).and_then(|tail| tail.iter().rposition(|&byte| byte == b'&'));
        let mut end = entity.map_or(limit, |found| tail + found);
        while !self.source.is_char_boundary(end) {
            end -= 1;
        }
        end
    }

    /// `None` for what is skipped: comments, document types, tags without an end.
    fn markup(&mut self) -> Option<Token> {
        let rest = self.rest();
        match rest.get(1).copied() {
            Some(b'!') if rest.starts_with(b"<!--") => self.skip_comment(),
            Some(b'/') if rest.get(2).is_some_and(u8::is_ascii_alphabetic) => {
                self.at += 2;
                let tag = Tag::of(self.tag_name());
                return self.attributes().map(|_| Token::End(tag));
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                self.at += 1;
                return self.start_tag();
            }
            // `<!doctype>`, `<?xml?>`, `</ >`: comments to the next `>`.
            _ => self.skip_past(memchr(b'>', rest), 1),
        }
        None
    }

    fn skip_past(&mut self, found: Option<usize>, length: usize) {
        self.at = found.map_or(self.source.len(), |found| self.at + found + length);
    }

    fn skip_comment(&mut self) {
        let content = self.rest().get(4..).unwrap_or_default();
        // `<!-->` and `<!--->` are whole.
        if content.starts_with(b">") || content.starts_with(b"->") {
            self.skip_past(memchr(b'>', self.rest()), 1);
            return;
        }
        let mut from = 0;
        while let Some(found) = content.get(from..).and_then(|rest| memchr(b'>', rest)) {
            let end = from + found;
            let before = content.get(..end).unwrap_or_default();
            if before.ends_with(b"--") || before.ends_with(b"--!") {
                self.at += 4 + end + 1;
                return;
            }
            from = end + 1;
        }
        self.at = self.source.len();
    }

    fn tag_name(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().position(|&byte| ends_name(byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn start_tag(&mut self) -> Option<Token> {
        let start = self.at;
        let tag = Tag::of(self.tag_name());
        let name = start..self.at;
        let self_closing = self.attributes()?;
        if tag.is_raw() {
            let content = self.at..self.raw_end(&name);
            self.raw = (!content.is_empty()).then_some((tag, content));
        } else if tag == Tag::PLAINTEXT {
            self.raw = Some((tag, self.at..self.source.len()));
        }
        Some(Token::Start { tag, self_closing })
    }

    /// The place of the end tag of this name, without regard to anything in between.
    fn raw_end(&self, name: &Range<usize>) -> usize {
        let bytes = self.source.as_bytes();
        let name = bytes.get(name.clone()).unwrap_or_default();
        let mut from = self.at;
        while let Some(found) = bytes.get(from..).and_then(|rest| memchr(b'<', rest)) {
            let at = from + found;
            let after = bytes.get(at + 1..).unwrap_or_default();
            let same = after.first() == Some(&b'/')
                && after.get(1..=name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
                && after.get(1 + name.len()).copied().is_none_or(ends_name);
            if same {
                return at;
            }
            from = at + 1;
        }
        bytes.len()
    }

    /// Reads on to the end of the tag; whether it ended with `/>`. A tag that the page ends in is `None`, and dropped
    /// with all that it has swallowed.
    fn attributes(&mut self) -> Option<bool> {
        let slash = self.attributes_of_whole_tag();
        if slash.is_none() {
            self.at = self.source.len();
        }
        slash
    }

    fn attributes_of_whole_tag(&mut self) -> Option<bool> {
        self.attributes.clear();
        let mut seen = 0_u32;
        for count in 1_usize.. {
            if count.is_multiple_of(POLL) && self.cancel.is_cancelled() {
                return None;
            }
            let mut slash = false;
            while let Some(byte) = self.byte().filter(|&byte| is_space(byte) || byte == b'/') {
                slash = byte == b'/';
                self.at += 1;
            }
            if self.byte()? == b'>' {
                self.at += 1;
                return Some(slash);
            }
            let (name, value) = self.attribute()?;
            if let Some(key) = Key::of(name).filter(|&key| seen & 1 << key as u8 == 0) {
                seen |= 1 << key as u8;
                self.attributes.push(Attribute { key, value });
            }
        }
        None
    }

    fn attribute(&mut self) -> Option<(&'a [u8], Range<usize>)> {
        let rest = self.rest();
        // A first `=` is part of the name.
        let end = rest.iter().skip(1).position(|&byte| ends_name(byte) || byte == b'=');
        let name = rest.get(..1 + end?)?;
        self.at += name.len();
        self.skip_spaces();
        if self.byte()? != b'=' {
            return Some((name, self.at..self.at));
        }
        self.at += 1;
        self.skip_spaces();
        if let quote @ (b'"' | b'\'') = self.byte()? {
            self.at += 1;
            let length = memchr(quote, self.rest())?;
            self.at += length + 1;
            return Some((name, self.at - 1 - length..self.at - 1));
        }
        let start = self.at;
        self.at += self.rest().iter().position(|&byte| is_space(byte) || byte == b'>')?;
        Some((name, start..self.at))
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().iter().take_while(|&&byte| is_space(byte)).count();
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        if let Some((_, content)) = self.raw.take() {
            self.at = content.end;
            return Some(Token::Raw(content));
        }
        while self.at < self.source.len() && !self.cancel.is_cancelled() {
            let rest = self.rest();
            if rest.first() != Some(&b'<') || !opens_markup(rest.get(1).copied()) {
                let text = self.at..self.text_end();
                self.at = text.end;
                return Some(Token::Text(text));
            }
            if let Some(token) = self.markup() {
                return Some(token);
            }
        }
        None
    }
}

fn opens_markup(after: Option<u8>) -> bool {
    after.is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'!' | b'?'))
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r' | 0x0c)
}

const fn ends_name(byte: u8) -> bool {
    is_space(byte) || matches!(byte, b'/' | b'>')
}
