//! The one way a text changes: a new text, told character by character how it comes from the old one.

use std::ops::Range;

use super::{NormalizedString, Origin};

/// A character of the new text, and how it relates to the old one:
/// - `1`: it is new, and shares the origin of what comes before it
/// - `0`: it stands for the next character of the old text
/// - `-n`: the same, and the `n` characters after that one are gone
pub type Change = (char, isize);

/// Reads the characters that are replaced, with their origins.
struct Old<'a> {
    text: &'a NormalizedString,
    /// The first byte that is not consumed, and the end of what is replaced.
    at: usize,
    end: usize,
}

impl Old<'_> {
    fn skip(&mut self, characters: usize) {
        let rest = self.text.get().get(self.at..self.end).unwrap_or_default();
        for character in rest.chars().take(characters) {
            self.at += character.len_utf8();
        }
    }

    /// The origin of what comes before the next character.
    fn before(&self) -> Origin {
        match self.at.checked_sub(1).and_then(|before| self.text.origin(before)) {
            Some(origin) => origin,
            None => (self.text.part.start as u32, self.text.part.start as u32),
        }
    }
}

impl NormalizedString {
    /// Replace the whole text by that of `changes`, after leaving out its first `removed` characters.
    ///
    /// Like the reference this starts at the first byte that comes from something: what was put before it stays.
    pub fn transform(&mut self, changes: impl IntoIterator<Item = Change>, removed: usize) {
        if self.is_regular() {
            self.transform_range(0..self.len(), changes, removed);
            return;
        }
        let changes: Vec<Change> = changes.into_iter().collect();
        let Some(range) = self.to_normalized(0..self.original().len()) else { return };
        if self.apply(range, &mut changes.iter().copied(), removed, true).is_none() {
            // The reference fails here, where the changes are those of the whole text.
            self.transform_range(0..self.len(), changes, removed);
        }
    }

    /// Whether all of the normalized form is what the original as a whole stands for.
    pub(crate) fn is_regular(&self) -> bool {
        let whole = |origins: &[Origin]| origins.first().is_some_and(|origin| origin.0 != origin.1);
        !self.original().is_empty() && self.changed_origins().is_none_or(whole)
    }

    /// Replace these bytes of the text, which must lie on characters, by the text of `changes`, after leaving out
    /// the first `removed` characters of them.
    pub fn transform_range(
        &mut self,
        range: Range<usize>,
        changes: impl IntoIterator<Item = Change>,
        removed: usize,
    ) {
        let _ = self.apply(range, &mut changes.into_iter(), removed, false);
    }

    /// None, and nothing done, where `strict` forbids characters that stand for what is beyond the text.
    fn apply(
        &mut self,
        range: Range<usize>,
        changes: &mut dyn Iterator<Item = Change>,
        removed: usize,
        strict: bool,
    ) -> Option<()> {
        let (before, after) = (self.get().get(..range.start)?, self.get().get(range.end..)?);
        self.get().get(range.clone())?;
        let mut text = String::with_capacity(self.len());
        let mut origins = Vec::with_capacity(self.len());
        text.push_str(before);
        self.extend_origins(&mut origins, 0..range.start);
        let mut old = Old { text: self, at: range.start, end: range.end };
        old.skip(removed);
        for (character, change) in changes {
            let origin = if change > 0 {
                old.before()
            } else {
                match self.origin(old.at) {
                    Some(origin) => origin,
                    None if strict => return None,
                    None => old.before(),
                }
            };
            if change <= 0 {
                old.skip(1 + change.unsigned_abs());
            }
            text.push(character);
            origins.extend(std::iter::repeat_n(origin, character.len_utf8()));
        }
        text.push_str(after);
        self.extend_origins(&mut origins, range.end..self.len());
        self.set_changed(text, origins);
        Some(())
    }

    /// Append the origins of these bytes.
    pub(super) fn extend_origins(&self, origins: &mut Vec<Origin>, range: Range<usize>) {
        if let Some(known) = self.changed_origins() {
            origins.extend_from_slice(known.get(range).unwrap_or_default());
            return;
        }
        let mut start = self.part.start + range.start;
        for character in self.get().get(range).unwrap_or_default().chars() {
            let end = start + character.len_utf8();
            origins.extend(std::iter::repeat_n((start as u32, end as u32), character.len_utf8()));
            start = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(text: &NormalizedString) -> Vec<(usize, usize)> {
        text.origins().into_iter().map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn added_characters_share_the_origin_of_the_one_before() {
        let mut text = NormalizedString::new("ab");
        text.transform([('x', 0), ('é', 1), ('b', 0)], 0);
        assert_eq!(text.get(), "xéb");
        assert_eq!(ranges(&text), [(0, 1), (0, 1), (0, 1), (1, 2)]);
    }

    #[test]
    fn removed_characters_leave_no_trace() {
        let mut text = NormalizedString::new("élégant");
        text.transform([('l', -1), ('g', 0), ('a', 0), ('n', -1)], 1);
        assert_eq!(text.get(), "lgan");
        assert_eq!(ranges(&text), [(2, 3), (5, 6), (6, 7), (7, 8)]);
    }

    #[test]
    fn what_was_put_before_the_text_stays() {
        let mut text = NormalizedString::new("ab ");
        text.replace(std::slice::from_ref(&(0..0, true)), "x");
        assert_eq!(text.get(), "xab ");
        assert_eq!(ranges(&text)[0], (0, 0));
        text.filter(|character| character != ' ');
        assert_eq!(text.get(), "xxab");
        let mut text = NormalizedString::new("ab");
        text.replace(std::slice::from_ref(&(0..0, true)), "x");
        text.map(|character| character.to_ascii_uppercase());
        assert_eq!(text.get(), "XAB");
    }
}
