//! The changes that normalizers are made of.

use std::ops::Range;

use super::NormalizedString;
use super::transform::Change;

impl NormalizedString {
    /// Keep the characters for which `keep` holds.
    pub fn filter(&mut self, mut keep: impl FnMut(char) -> bool) {
        let mut changes: Vec<Change> = Vec::with_capacity(self.len());
        // Those before the first that is kept, and then those since the last one.
        let (mut at_start, mut removed, mut any) = (0, 0, false);
        for character in self.get().chars() {
            if keep(character) {
                match changes.last_mut() {
                    Some((_, change)) => *change = -removed,
                    None => at_start = removed as usize,
                }
                changes.push((character, 0));
                removed = 0;
            } else {
                removed += 1;
                any = true;
            }
        }
        if let Some((_, change)) = changes.last_mut() {
            *change = -removed;
        }
        if any || !self.is_regular() {
            self.transform(changes, at_start);
        }
    }

    /// Replace each character by another one.
    pub fn map(&mut self, mut map: impl FnMut(char) -> char) {
        let changes: Vec<Change> = self.get().chars().map(|character| (map(character), 0)).collect();
        if !self.is_regular() || self.get().chars().ne(changes.iter().map(|change| change.0)) {
            self.transform(changes, 0);
        }
    }

    /// Replace each character by those that it maps to, at least one.
    pub fn expand<Characters: Iterator<Item = char>>(&mut self, map: impl Fn(char) -> Characters) {
        let mut changes: Vec<Change> = Vec::with_capacity(self.len());
        for character in self.get().chars() {
            changes.extend(map(character).enumerate().map(|(index, new)| (new, isize::from(index > 0))));
        }
        if !self.is_regular() || self.get().chars().ne(changes.iter().map(|change| change.0)) {
            self.transform(changes, 0);
        }
    }

    pub fn uppercase(&mut self) {
        self.expand(char::to_uppercase);
    }

    /// Put `text` before a text that is not empty; it shares the origin of the first character.
    pub fn prepend(&mut self, text: &str) {
        let Some(first) = self.get().chars().next() else { return };
        let put = text.chars().enumerate().map(|(index, new)| (new, isize::from(index > 0)));
        // Even when nothing is put there the character that stays counts as new, as in the reference.
        let changes: Vec<Change> = put.chain([(first, 1)]).collect();
        self.transform_range(0..first.len_utf8(), changes, 0);
    }

    /// Put `text` after the text; it shares the origin of the last character.
    pub fn append(&mut self, text: &str) {
        let new = text.chars().map(|character| (character, 1));
        match self.get().char_indices().next_back() {
            Some((at, last)) => {
                self.transform_range(at..self.len(), std::iter::once((last, 0)).chain(new), 0);
            }
            None => self.transform_range(0..0, new, 0),
        }
    }

    /// Make the normalized form empty; returns how many bytes it had.
    pub fn clear(&mut self) -> usize {
        let length = self.len();
        self.transform([], length);
        length
    }

    /// Remove white space from the start.
    pub fn lstrip(&mut self) {
        self.strip_sides(true, false);
    }

    /// Remove white space from the end.
    pub fn rstrip(&mut self) {
        self.strip_sides(false, true);
    }

    /// Remove white space from both ends.
    pub fn strip(&mut self) {
        self.strip_sides(true, true);
    }

    fn strip_sides(&mut self, left: bool, right: bool) {
        let text = self.get();
        let kept = if left { text.trim_start() } else { text };
        let start = text.len() - kept.len();
        let kept = if right { kept.trim_end() } else { kept };
        if kept.len() == text.len() {
            return;
        }
        let removed = text.get(..start).unwrap_or_default().chars().count();
        let changes: Vec<Change> = kept.chars().map(|character| (character, 0)).collect();
        self.transform(changes, removed);
    }

    /// Replace the matches among `matches`, ranges in order of the normalized form each with whether it is a match.
    ///
    /// The new text shares the origin of the last character of what it replaces.
    pub fn replace(&mut self, matches: &[(Range<usize>, bool)], content: &str) {
        if !matches.iter().any(|(_, is_match)| *is_match) {
            return;
        }
        let mut text = String::with_capacity(self.len());
        let mut origins = Vec::with_capacity(self.len());
        let mut done = 0;
        for (range, _) in matches.iter().filter(|(_, is_match)| *is_match) {
            text.push_str(self.get().get(done..range.start).unwrap_or_default());
            self.extend_origins(&mut origins, done..range.start);
            let origin = range.end.checked_sub(1).and_then(|last| self.origin(last));
            let start = self.part.start as u32;
            text.push_str(content);
            origins.extend(std::iter::repeat_n(origin.unwrap_or((start, start)), content.len()));
            done = range.end;
        }
        text.push_str(self.get().get(done..).unwrap_or_default());
        self.extend_origins(&mut origins, done..self.len());
        self.set_changed(text, origins);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(text: &NormalizedString) -> Vec<(usize, usize)> {
        text.origins().into_iter().map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn stripping_moves_only_the_ends() {
        let mut text = NormalizedString::new("  é \u{3000}");
        text.strip();
        assert_eq!((text.get(), ranges(&text)), ("é", vec![(2, 4), (2, 4)]));
        text.strip();
        let mut blank = NormalizedString::new(" \t");
        blank.strip();
        assert_eq!((blank.get(), blank.original_range()), ("", 0..2));
    }

    #[test]
    fn text_that_is_put_shares_the_origin_of_its_neighbour() {
        let mut text = NormalizedString::new("there");
        text.prepend("Hey ");
        text.append("!");
        assert_eq!(text.get(), "Hey there!");
        assert_eq!(text.convert(0..4), Some(0..1));
        assert_eq!(text.convert(9..10), Some(4..5));
        let mut empty = NormalizedString::new("");
        empty.prepend("x");
        assert_eq!(empty.get(), "");
        empty.append("x");
        assert_eq!((empty.get(), ranges(&empty)), ("x", vec![(0, 0)]));
    }

    #[test]
    fn replaced_text_comes_from_the_end_of_the_match() {
        let mut text = NormalizedString::new("a''b");
        text.replace(&[(0..1, false), (1..3, true), (3..4, false)], "\"é");
        assert_eq!(text.get(), "a\"éb");
        assert_eq!(ranges(&text), [(0, 1), (2, 3), (2, 3), (2, 3), (3, 4)]);
    }

    #[test]
    fn unchanged_text_stays_its_own_original() {
        let mut text = NormalizedString::new("abc");
        text.filter(|_| true);
        text.map(|character| character);
        text.strip();
        text.replace(&[(0..3, false)], "x");
        assert!(text.is_unchanged());
        text.uppercase();
        assert_eq!(text.get(), "ABC");
        assert_eq!(text.clear(), 3);
        assert_eq!((text.get(), text.original()), ("", "abc"));
    }
}
