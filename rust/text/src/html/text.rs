//! The text of a page, one block a line.

use ferrolm_base::{Cancel, Cancelled};

use super::entities::decode;
use super::tags::Tag;
use super::tokens::{Token, Tokens};
use super::tree::{NodeId, Tree};

const POLL: usize = 1 << 12;

/// Joins words by single spaces and blocks by single line feeds.
#[derive(Default)]
pub struct Lines {
    text: String,
    gap: Gap,
}

#[derive(Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
}

impl Lines {
    pub fn block(&mut self) {
        self.gap = Gap::Line;
    }

    pub fn write(&mut self, source: &str) {
        let decoded = decode(source);
        let mut words = decoded.split_whitespace();
        let Some(first) = words.next() else {
            if !decoded.is_empty() {
                self.gap = self.gap.max(Gap::Space);
            }
            return;
        };
        if decoded.starts_with(char::is_whitespace) {
            self.gap = self.gap.max(Gap::Space);
        }
        if !self.text.is_empty() {
            match self.gap {
                Gap::None => {}
                Gap::Space => self.text.push(' '),
                Gap::Line => self.text.push('\n'),
            }
        }
        self.text.push_str(first);
        for word in words {
            self.text.push(' ');
            self.text.push_str(word);
        }
        self.gap = if decoded.ends_with(char::is_whitespace) { Gap::Space } else { Gap::None };
    }

    /// Lines of preformatted text stay lines.
    pub fn write_preformatted(&mut self, source: &str) {
        for (count, line) in source.split('\n').enumerate() {
            if count > 0 {
                self.block();
            }
            self.write(line);
        }
    }

    pub fn finish(self) -> String {
        self.text
    }
}

/// All text that a reader of the page sees, straight from its tags.
pub fn all_text(source: &str, cancel: &Cancel) -> Result<String, Cancelled> {
    let mut lines = Lines::default();
    let mut curtain = Curtain::default();
    let mut preformatted = 0_usize;
    for token in Tokens::new(source, cancel) {
        if curtain.hides(&token) {
            continue;
        }
        match token {
            Token::Start { tag, .. } | Token::End(tag) => {
                if tag == Tag::PRE && matches!(token, Token::Start { .. }) {
                    preformatted += 1;
                } else if tag == Tag::PRE {
                    preformatted = preformatted.saturating_sub(1);
                }
                if tag.is_block() {
                    lines.block();
                }
            }
            Token::Text(text) | Token::Raw(text) => {
                let text = &source[text];
                if preformatted > 0 { lines.write_preformatted(text) } else { lines.write(text) }
            }
        }
    }
    cancel.check()?;
    Ok(lines.finish())
}

/// Whether what comes is inside of an element that is not seen.
struct Curtain {
    /// The outermost such element.
    down: Option<Tag>,
    /// How often each tag is open from that element on.
    open: [u32; 256],
}

impl Default for Curtain {
    fn default() -> Self {
        Self { down: None, open: [0; 256] }
    }
}

impl Curtain {
    fn hides(&mut self, token: &Token) -> bool {
        match (token, self.down) {
            (Token::Start { tag, self_closing: false }, None) if tag.is_unseen() => {
                *self = Self { down: Some(*tag), ..Self::default() };
                self.start(*tag);
                true
            }
            (_, None) => false,
            // Blocks end a drawing, as does the end of what it is in, and all tags end a parenthesis of ruby: neither
            // needs an end tag of its own.
            (Token::Start { tag, .. }, Some(Tag::SVG)) if tag.is_block() => self.lift(),
            (Token::End(tag), Some(Tag::SVG)) if self.open[tag.byte() as usize] == 0 => self.lift(),
            (Token::Start { .. } | Token::End(_), Some(Tag::RP)) => self.lift(),
            (Token::Start { tag, self_closing: false }, Some(_)) => {
                self.start(*tag);
                true
            }
            (Token::End(tag), Some(outer)) => {
                let open = &mut self.open[tag.byte() as usize];
                *open = open.saturating_sub(1);
                if *tag == outer && *open == 0 {
                    self.down = None;
                }
                true
            }
            (_, Some(_)) => true,
        }
    }

    fn start(&mut self, tag: Tag) {
        self.open[tag.byte() as usize] += u32::from(!tag.is_void());
    }

    fn lift(&mut self) -> bool {
        self.down = None;
        false
    }
}

/// The text of a subtree without what is `dropped`.
pub fn of_tree(
    tree: &Tree<'_>,
    root: NodeId,
    dropped: &[bool],
    cancel: &Cancel,
) -> Result<String, Cancelled> {
    let mut lines = Lines::default();
    // Ends of the blocks that are open, innermost last.
    let mut ends: Vec<u32> = Vec::new();
    let mut preformatted_end = 0;
    let range = tree.range(root);
    let mut id = range.start;
    while id < range.end {
        if id.is_multiple_of(POLL) {
            cancel.check()?;
        }
        while ends.last().is_some_and(|&end| end as usize <= id) {
            ends.pop();
            lines.block();
        }
        let node = &tree.nodes[id];
        if dropped[id] || node.tag.is_unseen() {
            if node.tag.is_block() {
                lines.block();
            }
            id = node.end as usize;
            continue;
        }
        if node.tag.is_block() {
            lines.block();
            ends.push(node.end);
        }
        if node.tag == Tag::PRE {
            preformatted_end = preformatted_end.max(node.end as usize);
        }
        if node.tag == Tag::TEXT {
            let text = tree.text(node);
            if id < preformatted_end { lines.write_preformatted(text) } else { lines.write(text) }
        }
        id += 1;
    }
    Ok(lines.finish())
}

/// Of an article that is told in JSON: markup, or text whose lines are blocks.
pub fn of_told(told: &str, cancel: &Cancel) -> Result<String, Cancelled> {
    if told.contains("</") {
        return all_text(told, cancel);
    }
    let mut lines = Lines::default();
    lines.write_preformatted(told);
    Ok(lines.finish())
}
