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
    let mut tokens = Tokens::new(source, cancel);
    // Inside of these elements nothing is seen: the one that is outermost, and how often it is open.
    let mut unseen: Option<(Tag, usize)> = None;
    let mut preformatted = 0_usize;
    while let Some(token) = tokens.next() {
        match (token, &mut unseen) {
            (Token::Start { tag, self_closing: false }, Some((outer, depth))) if tag == *outer => *depth += 1,
            (Token::End(tag), Some((outer, depth))) if tag == *outer => {
                *depth -= 1;
                if *depth == 0 {
                    unseen = None;
                }
            }
            (Token::Start { tag, self_closing: false }, None) if tag.is_unseen() => unseen = Some((tag, 1)),
            (_, Some(_)) => {}
            (Token::Start { tag, .. }, None) => {
                preformatted += usize::from(tag == Tag::PRE);
                if tag.is_block() {
                    lines.block();
                }
            }
            (Token::End(tag), None) => {
                preformatted = preformatted.saturating_sub(usize::from(tag == Tag::PRE));
                if tag.is_block() {
                    lines.block();
                }
            }
            (Token::Text(text) | Token::Raw(text), None) => {
                let text = &source[text];
                if preformatted > 0 { lines.write_preformatted(text) } else { lines.write(text) }
            }
        }
    }
    cancel.check()?;
    Ok(lines.finish())
}

/// The text of a subtree without what is `dropped`.
pub fn of_tree(tree: &Tree<'_>, root: NodeId, dropped: &[bool], cancel: &Cancel) -> Result<String, Cancelled> {
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
