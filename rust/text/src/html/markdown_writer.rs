//! Lines of Markdown: prefixes of lists and quotations, gaps between blocks, markers around words, escapes.

use super::entities::decode;

/// Lists and quotations in each other; what is deeper is not indented further, or ten bytes of a page could become a
/// thousand of text.
const MAX_PREFIXES: usize = 12;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    None,
    Space,
    /// A line that ends inside of a paragraph.
    Break,
    Line,
    Block,
}

struct Prefix {
    /// Before the first line, until that is written.
    first: Option<String>,
    rest: String,
}

pub struct Writer {
    text: String,
    gap: Gap,
    prefixes: Vec<Prefix>,
    ignored_prefixes: usize,
    /// Markers that open with the next word.
    pending: Vec<&'static str>,
    /// In the cell of a table all is one line, and `|` is escaped.
    in_cell: bool,
}

impl Writer {
    pub fn new() -> Self {
        Self {
            text: String::new(),
            gap: Gap::None,
            prefixes: Vec::new(),
            ignored_prefixes: 0,
            pending: Vec::new(),
            in_cell: false,
        }
    }

    /// Between what is written already and what comes next there is at least this. After the marker of a list item
    /// comes its first block, whatever that is.
    pub fn gap(&mut self, gap: Gap) {
        if self.prefixes.last().is_some_and(|prefix| prefix.first.is_some()) {
            return;
        }
        self.gap = self.gap.max(if self.in_cell { gap.min(Gap::Space) } else { gap });
    }

    pub fn push_prefix(&mut self, first: &str, rest: &str) {
        if self.in_cell || self.prefixes.len() >= MAX_PREFIXES {
            self.ignored_prefixes += 1;
        } else {
            self.prefixes.push(Prefix { first: Some(first.to_owned()), rest: rest.to_owned() });
        }
    }

    pub fn pop_prefix(&mut self) {
        if self.ignored_prefixes > 0 {
            self.ignored_prefixes -= 1;
        } else {
            self.prefixes.pop();
        }
    }

    /// Text of the page, to be read as text.
    pub fn words(&mut self, source: &str) {
        let decoded = decode(source);
        if decoded.starts_with(char::is_whitespace) {
            self.gap(Gap::Space);
        }
        for word in decoded.split_whitespace() {
            let at_line_start = self.begin();
            escape(&mut self.text, word, at_line_start, self.in_cell);
            self.gap(Gap::Space);
        }
        if decoded.ends_with(|letter: char| !letter.is_whitespace()) && self.gap == Gap::Space {
            self.gap = Gap::None;
        }
    }

    /// Markdown of one's own, on the line that is begun.
    pub fn raw(&mut self, markdown: &str) {
        self.begin();
        self.text.push_str(markdown);
    }

    /// Lines that stay as they are, after a prefix.
    pub fn raw_lines(&mut self, markdown: &str) {
        for line in markdown.split('\n') {
            self.gap(Gap::Line);
            self.raw(line);
        }
    }

    /// `marker` will stand before the next word.
    pub fn open(&mut self, marker: &'static str) {
        self.pending.push(marker);
    }

    /// Close what [`Self::open`] has opened; nothing is written if there was no word.
    pub fn close(&mut self, marker: &str) {
        if self.pending.pop().is_none() {
            self.text.push_str(marker);
        }
    }

    /// The gap before a word or marker; whether it is the first of its line.
    fn begin(&mut self) -> bool {
        let gap = std::mem::replace(&mut self.gap, Gap::None);
        let empty = self.text.is_empty();
        let new_line = empty || gap > Gap::Space;
        if !empty {
            match gap {
                Gap::None => {}
                Gap::Space => self.text.push(' '),
                Gap::Break => self.text.push_str("  \n"),
                Gap::Line => self.text.push('\n'),
                Gap::Block => self.blank_line(),
            }
        }
        if new_line {
            for prefix in &mut self.prefixes {
                match prefix.first.take() {
                    Some(first) => self.text.push_str(&first),
                    None => self.text.push_str(&prefix.rest),
                }
            }
        }
        for marker in self.pending.drain(..) {
            self.text.push_str(marker);
        }
        new_line
    }

    /// Quotations go on over the empty line if they go on after it.
    fn blank_line(&mut self) {
        self.text.push('\n');
        let kept = self.text.len();
        for prefix in self.prefixes.iter().take_while(|prefix| prefix.first.is_none()) {
            self.text.push_str(&prefix.rest);
        }
        let end = self.text.trim_end_matches(' ').len().max(kept);
        self.text.truncate(end);
        self.text.push('\n');
    }

    /// What `write` writes, as one line for the cell of a table.
    pub fn cell(write: impl FnOnce(&mut Self)) -> String {
        let mut writer = Self::new();
        writer.in_cell = true;
        write(&mut writer);
        writer.text
    }

    pub fn is_in_cell(&self) -> bool {
        self.in_cell
    }

    pub fn finish(self) -> String {
        self.text
    }
}

/// Write `word` so that Markdown reads it as text.
fn escape(target: &mut String, word: &str, at_line_start: bool, in_cell: bool) {
    if at_line_start && let Some(at) = marker_of_block(word) {
        target.push_str(&word[..at]);
        target.push('\\');
        target.push_str(&word[at..]);
        return;
    }
    let mut plain = 0;
    let bytes = word.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        let next = bytes.get(at + 1).copied();
        let special = match byte {
            b'\\' | b'`' | b'*' => true,
            b'_' => at == 0 || next.is_none(),
            b'<' => next.is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, b'/' | b'!' | b'?')),
            b'&' => next.is_some_and(|next| next.is_ascii_alphabetic() || next == b'#'),
            b']' => matches!(next, Some(b'(' | b'[' | b':')),
            b'|' => in_cell,
            _ => false,
        };
        if special {
            target.push_str(&word[plain..at]);
            target.push('\\');
            plain = at;
        }
    }
    target.push_str(&word[plain..]);
}

/// Where to escape a first word that would make a heading, list, quotation, rule or fence of its line.
fn marker_of_block(word: &str) -> Option<usize> {
    let all = |marks: &[u8]| word.bytes().all(|byte| marks.contains(&byte));
    if (all(b"#") && word.len() <= 6) || all(b"-") || all(b"=") || all(b"+") || word.starts_with("~~~") {
        return Some(0);
    }
    if word.starts_with('>') {
        return Some(0);
    }
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let numbered = (1..=9).contains(&digits) && matches!(&word[digits..], "." | ")");
    numbered.then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(word: &str, at_line_start: bool) -> String {
        let mut text = String::new();
        escape(&mut text, word, at_line_start, false);
        text
    }

    #[test]
    fn only_what_would_be_read_as_markup_is_escaped() {
        for (word, first, other) in [
            ("#", "\\#", "#"),
            ("#tag", "#tag", "#tag"),
            ("1.", "1\\.", "1."),
            ("1.5", "1.5", "1.5"),
            (">x", "\\>x", ">x"),
            ("a_b", "a_b", "a_b"),
            ("_a", "\\_a", "\\_a"),
            ("2*3", "2\\*3", "2\\*3"),
            ("x](y)", "x\\](y)", "x\\](y)"),
            ("<b>", "\\<b>", "\\<b>"),
            ("&amp;", "\\&amp;", "\\&amp;"),
            ("\\", "\\\\", "\\\\"),
        ] {
            assert_eq!((escaped(word, true), escaped(word, false)), (first.to_owned(), other.to_owned()));
        }
    }
}
