//! Byte positions to character positions.

use std::ops::Range;

/// From bytes to characters of one text, fast while positions ascend.
pub(crate) struct Characters<'a> {
    text: &'a str,
    ascii: bool,
    /// A character boundary, and the number of characters before it.
    byte: usize,
    character: usize,
}

impl<'a> Characters<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, ascii: text.is_ascii(), byte: 0, character: 0 }
    }

    /// The range of characters that `bytes` touches.
    pub(crate) fn convert(&mut self, bytes: Range<usize>) -> (usize, usize) {
        if self.ascii || bytes.is_empty() && bytes.start == 0 {
            return (bytes.start, bytes.end);
        }
        let start = self.index(bytes.start);
        if bytes.is_empty() {
            return (start, start);
        }
        (start, self.index(bytes.end - 1) + 1)
    }

    /// The index of the character that byte `at` is part of.
    pub(crate) fn index(&mut self, at: usize) -> usize {
        if self.ascii {
            return at;
        }
        if at < self.byte {
            (self.byte, self.character) = (0, 0);
        }
        let mut target = at.min(self.text.len());
        while !self.text.is_char_boundary(target) {
            target -= 1;
        }
        let between = &self.text.as_bytes()[self.byte..target];
        // Most tokens have a few bytes: a loop is done before a vector is set up.
        let starts = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count();
        self.character +=
            if between.len() < 16 { starts(between) } else { self.text[self.byte..target].chars().count() };
        self.byte = target;
        self.character
    }
}
