//! The names of columns: to be listed, and to be found.

use std::sync::OnceLock;

use crate::words::WordTable;

/// Names by column.
#[derive(Debug, Clone, Default)]
pub struct Features {
    text: String,
    /// Where each name ends in `text`; it starts where the one before ends.
    ends: Vec<usize>,
    /// Made when a name is looked up for the first time.
    index: OnceLock<WordTable>,
}

impl Features {
    pub fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut features = Self::default();
        for name in names {
            features.push(|text| text.push_str(name));
        }
        features
    }

    /// Add the name that `write` appends to a text.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut String)) {
        write(&mut self.text);
        self.ends.push(self.text.len());
    }

    /// Add all names of `other`.
    pub(super) fn append(&mut self, other: &Self) {
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.ends.extend(other.ends.iter().map(|end| start + end));
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |&end| &self.text[std::mem::replace(&mut start, end)..end])
    }

    /// The column with this name.
    pub fn get(&self, name: &str) -> Option<u32> {
        self.index().get(name)
    }

    /// A table whose numbers are the columns; names are distinct.
    pub(super) fn index(&self) -> &WordTable {
        self.index.get_or_init(|| {
            let mut table = WordTable::new();
            for name in self.iter() {
                table.insert(name);
            }
            table
        })
    }

    /// The names of the columns that `kept` marks.
    #[must_use]
    pub fn select(&self, kept: &[bool]) -> Self {
        Self::new(self.iter().zip(kept).filter_map(|(name, &kept)| kept.then_some(name)))
    }
}
