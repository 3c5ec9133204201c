//! What is seen of one word, whatever stands around it.

use crate::hash;

/// Kinds of features. The numbers are part of the file's format: new ones go to the end.
pub(crate) mod kind {
    pub(crate) const BIAS: u32 = 1;
    pub(crate) const FORM: u32 = 2;
    pub(crate) const LOWER: u32 = 3;
    pub(crate) const SHAPE: u32 = 4;
    pub(crate) const LONG_SHAPE: u32 = 5;
    pub(crate) const SHAPE_SUFFIX: u32 = 6;
    pub(crate) const MARKS: u32 = 7;
    pub(crate) const LENGTH: u32 = 8;
    pub(crate) const LAST_PART: u32 = 9;
    /// And the following, for suffixes of 1, 2, ... characters.
    pub(crate) const SUFFIX: u32 = 10;
    pub(crate) const PREFIX: u32 = 20;
    /// The same attribute of a neighbour.
    pub(crate) const BEFORE: u32 = 30;
    pub(crate) const AFTER: u32 = 31;
    pub(crate) const SECOND_BEFORE: u32 = 32;
    pub(crate) const SECOND_AFTER: u32 = 33;
    pub(crate) const PAIR_BEFORE: u32 = 34;
    pub(crate) const PAIR_AFTER: u32 = 35;
    pub(crate) const PAIR_AROUND: u32 = 36;
    pub(crate) const FIRST: u32 = 37;
    pub(crate) const BOUNDARY: u32 = 38;
    pub(crate) const TRANSITION: u32 = 39;
}

const SUFFIXES: usize = 5;
const PREFIXES: usize = 4;
const MAX_LONG_SHAPE: usize = 12;

/// The features of a word, for itself and for what its neighbours see of it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Attributes {
    pub(crate) own: Vec<u32>,
    /// What the words next to it see: its lower-cased form, two suffixes, its shape.
    pub(crate) near: Vec<u32>,
    pub(crate) lower: u32,
    pub(crate) shape: u32,
    text: String,
    starts: Vec<usize>,
    shapes: String,
    last_part: String,
}

impl Attributes {
    /// What stands before the first and after the last word.
    pub(crate) fn boundary(&mut self) {
        self.own.clear();
        self.lower = hash::of_bytes(kind::BOUNDARY, b"");
        self.shape = self.lower;
        self.near.clear();
        self.near.push(self.lower);
    }

    pub(crate) fn read(&mut self, word: &str) {
        self.own.clear();
        self.near.clear();
        self.text.clear();
        self.text.extend(word.chars().flat_map(char::to_lowercase));
        self.starts.clear();
        self.starts.extend(self.text.char_indices().map(|(start, _)| start));
        self.lower = hash::of_bytes(kind::LOWER, self.text.as_bytes());
        self.own.extend([hash::of_bytes(kind::BIAS, b""), hash::of_bytes(kind::FORM, word.as_bytes())]);
        self.own.push(self.lower);
        self.affixes();
        self.shapes(word);
        self.marks(word);
        let suffixes = [3, 2].map(|length| self.suffix(length));
        self.near.push(self.lower);
        self.near.extend(suffixes.into_iter().flatten());
        self.near.push(self.shape);
    }

    fn suffix(&self, length: usize) -> Option<u32> {
        let start = *self.starts.get(self.starts.len().checked_sub(length)?)?;
        Some(hash::of_bytes(kind::SUFFIX + length as u32, &self.text.as_bytes()[start..]))
    }

    fn affixes(&mut self) {
        for length in 1..=SUFFIXES.min(self.starts.len()) {
            let key = self.suffix(length);
            self.own.extend(key);
        }
        for length in 1..=PREFIXES.min(self.starts.len()) {
            let end = self.starts.get(length).copied().unwrap_or(self.text.len());
            self.own.push(hash::of_bytes(kind::PREFIX + length as u32, &self.text.as_bytes()[..end]));
        }
    }

    /// `McDonald-2` is `XxXx-d`, and `XxXxxxxx-d` as long as that is short.
    fn shapes(&mut self, word: &str) {
        self.shapes.clear();
        let mut last = None;
        for letter in word.chars().map(class) {
            if last != Some(letter) {
                self.shapes.push(letter);
            }
            last = Some(letter);
        }
        self.shape = hash::of_bytes(kind::SHAPE, self.shapes.as_bytes());
        let suffix = self.suffix(3).unwrap_or(self.lower);
        self.own.extend([self.shape, hash::of_pair(kind::SHAPE_SUFFIX, self.shape, suffix)]);
        if word.chars().nth(MAX_LONG_SHAPE).is_none() {
            self.shapes.clear();
            self.shapes.extend(word.chars().map(class));
            self.own.push(hash::of_bytes(kind::LONG_SHAPE, self.shapes.as_bytes()));
        }
    }

    fn marks(&mut self, word: &str) {
        let marks = [
            word.contains('-'),
            word.chars().any(char::is_numeric),
            word.chars().next().is_some_and(char::is_uppercase),
            word.chars().all(char::is_uppercase),
            word.chars().any(char::is_alphabetic),
        ];
        self.own.push(hash::of_bytes(kind::MARKS, &marks.map(u8::from)));
        self.own.push(hash::of_bytes(kind::LENGTH, &[self.starts.len().min(12) as u8]));
        if let Some((_, part)) = word.rsplit_once('-') {
            self.last_part.clear();
            self.last_part.extend(part.chars().flat_map(char::to_lowercase));
            self.own.push(hash::of_bytes(kind::LAST_PART, self.last_part.as_bytes()));
        }
    }
}

fn class(letter: char) -> char {
    if letter.is_uppercase() {
        'X'
    } else if letter.is_lowercase() {
        'x'
    } else if letter.is_numeric() {
        'd'
    } else if letter.is_alphabetic() {
        'a'
    } else {
        letter
    }
}
