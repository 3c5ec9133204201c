//! Text and what normalization made of it, each byte knowing the bytes of the original that it comes from.
//!
//! While nothing has changed nothing is stored: the text is its own original, and a part of it is a range.
//! After a change every byte of the new text has a pair (start, end) of bytes of the original: those of the whole
//! character that it comes from, or (start, start) for what comes from nothing before it. Both texts are shared, so
//! that cutting a text into pieces copies neither.

mod convert;
mod edit;
mod split;
mod transform;

use std::ops::Range;
use std::sync::Arc;

pub use split::{SplitBehavior, merge_matches};
pub use transform::Change;

/// The bytes of the whole original text that a byte of a normalized text comes from.
type Origin = (u32, u32);

/// A text that differs from its original.
#[derive(Debug, Default)]
struct Changed {
    text: String,
    /// One for each byte of `text`, never decreasing.
    origins: Vec<Origin>,
}

#[derive(Debug, Clone)]
enum Form {
    /// The normalized text is the original.
    Same,
    /// It is these bytes of a text that was changed.
    Changed(Arc<Changed>, Range<usize>),
}

/// A text, or a part of one, and its normalized form.
///
/// ```
/// # use ferrolm_tokenizer::normalized::NormalizedString;
/// let mut text = NormalizedString::new("ab\u{301}c");
/// text.filter(|character| character != '\u{301}');
/// assert_eq!((text.get(), text.original()), ("abc", "ab\u{301}c"));
/// assert_eq!(text.to_original(2..3), 4..5);
/// ```
#[derive(Debug, Clone)]
pub struct NormalizedString {
    /// The whole text that this is a part of.
    whole: Arc<str>,
    /// The part. Where nothing of the text is left it need not lie on characters, nor in the text.
    part: Range<usize>,
    form: Form,
}

impl NormalizedString {
    /// The longest text, in bytes, whose changes can be kept track of.
    pub const MAX_BYTES: usize = u32::MAX as usize;

    pub fn new(text: &str) -> Self {
        Self { whole: text.into(), part: 0..text.len(), form: Form::Same }
    }

    /// A part of a text that others have parts of too; nothing is copied.
    ///
    /// Bounds that do not lie on characters give a part without text.
    pub fn part_of(whole: &Arc<str>, part: Range<usize>) -> Self {
        Self { whole: whole.clone(), part, form: Form::Same }
    }

    /// The normalized form.
    pub fn get(&self) -> &str {
        match &self.form {
            Form::Same => self.original(),
            Form::Changed(changed, range) => changed.text.get(range.clone()).unwrap_or_default(),
        }
    }

    /// Bytes of the normalized form.
    pub fn len(&self) -> usize {
        self.get().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The part of the original text that this is the normalized form of.
    pub fn original(&self) -> &str {
        self.whole.get(self.part.clone()).unwrap_or_default()
    }

    /// The bytes of the whole text that this part covers.
    pub fn original_range(&self) -> Range<usize> {
        self.part.clone()
    }

    /// The whole text that this is a part of.
    pub fn whole(&self) -> &Arc<str> {
        &self.whole
    }

    /// Whether the normalized form is the original, byte by byte.
    pub fn is_unchanged(&self) -> bool {
        matches!(self.form, Form::Same)
    }

    /// For each byte of the normalized form, the bytes of the whole text that it comes from.
    pub fn origins(&self) -> Vec<Range<usize>> {
        (0..self.len())
            .filter_map(|at| self.origin(at))
            .map(|(start, end)| start as usize..end as usize)
            .collect()
    }

    /// The origin of one byte.
    fn origin(&self, at: usize) -> Option<Origin> {
        match &self.form {
            Form::Same => {
                let text = self.original();
                if at >= text.len() {
                    return None;
                }
                let (start, end) = (floor(text, at), ceil(text, at + 1));
                Some(((self.part.start + start) as u32, (self.part.start + end) as u32))
            }
            Form::Changed(changed, range) => changed.origins.get(range.clone())?.get(at).copied(),
        }
    }

    /// The origins of the bytes of a text that was changed.
    fn changed_origins(&self) -> Option<&[Origin]> {
        match &self.form {
            Form::Same => None,
            Form::Changed(changed, range) => changed.origins.get(range.clone()),
        }
    }

    fn set_changed(&mut self, text: String, origins: Vec<Origin>) {
        debug_assert_eq!(text.len(), origins.len());
        let range = 0..text.len();
        self.form = Form::Changed(Arc::new(Changed { text, origins }), range);
    }

    /// The part of these bytes of the normalized form; None where they do not lie on characters of it.
    ///
    /// Its original runs from that of the first byte to that of the last; for an empty range it is empty too and
    /// starts, as in the reference, as many bytes into the original as the range into the normalized form.
    pub fn get_slice(&self, range: Range<usize>) -> Option<Self> {
        self.get().get(range.clone())?;
        let original = self.convert(range.clone())?;
        let part = self.part.start + original.start..self.part.start + original.end;
        let form = match &self.form {
            Form::Same if range.is_empty() => Form::Changed(Arc::default(), 0..0),
            Form::Same => Form::Same,
            Form::Changed(changed, all) => {
                Form::Changed(changed.clone(), all.start + range.start..all.start + range.end)
            }
        };
        Some(Self { whole: self.whole.clone(), part, form })
    }

    /// [`get_slice`](Self::get_slice) of a range that lies on characters; of another one, nothing.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let end = self.len();
        debug_assert!(self.get().get(range.clone()).is_some(), "{range:?} of {:?}", self.get());
        self.get_slice(range).or_else(|| self.get_slice(end..end)).unwrap_or_else(|| self.clone())
    }

    /// The part of these bytes of this part of the original; None where they do not lie on characters of it.
    pub fn slice_original(&self, range: Range<usize>) -> Option<Self> {
        self.original().get(range.clone())?;
        let normalized = self.to_normalized(range.clone())?;
        let part = self.part.start + range.start..self.part.start + range.end;
        let (changed, all) = match &self.form {
            Form::Same if normalized == range => {
                return Some(Self { whole: self.whole.clone(), part, form: Form::Same });
            }
            // Nothing of the range has a normalized form.
            Form::Same => (Arc::default(), 0..0),
            Form::Changed(changed, all) => {
                (changed.clone(), all.start + normalized.start..all.start + normalized.end)
            }
        };
        changed.text.get(all.clone())?;
        Some(Self { whole: self.whole.clone(), part, form: Form::Changed(changed, all) })
    }
}

impl PartialEq for NormalizedString {
    /// The same text from the same place of equal originals.
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
            && self.original() == other.original()
            && self.part == other.part
            && (self.is_unchanged() && other.is_unchanged() || self.origins() == other.origins())
    }
}

impl Eq for NormalizedString {}

impl Default for NormalizedString {
    fn default() -> Self {
        Self::new("")
    }
}

impl From<&str> for NormalizedString {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// The first byte of the character that byte `at` is in.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The first boundary of characters at or after `at`.
fn ceil(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unchanged_text_is_its_own_original() {
        let text = NormalizedString::new("aé漢b");
        assert!(text.is_unchanged());
        assert_eq!(text.origins(), vec![0..1, 1..3, 1..3, 3..6, 3..6, 3..6, 6..7]);
        let part = text.slice(1..6);
        assert_eq!((part.get(), part.original(), part.original_range()), ("é漢", "é漢", 1..6));
        assert!(part.is_unchanged());
        assert_eq!(part.slice(2..5).original_range(), 3..6);
        assert_eq!(part.to_original(2..5), 3..6);
        assert!(text.get_slice(2..3).is_none());
    }

    #[test]
    fn slices_of_changed_text_cover_what_they_come_from() {
        let mut text = NormalizedString::new("  Hello   friend!  ");
        text.filter(|character| character != ' ');
        assert_eq!(text.get(), "Hellofriend!");
        let part = text.slice(4..6);
        assert_eq!((part.get(), part.original(), part.original_range()), ("of", "o   f", 6..11));
        let part = text.slice_original(0..7).unwrap();
        assert_eq!((part.get(), part.original()), ("Hello", "  Hello"));
    }

    #[test]
    fn empty_slices_keep_the_offset_they_were_asked_with() {
        let mut text = NormalizedString::new("ab");
        text.prepend("xyz");
        let part = text.slice(5..5);
        assert_eq!((part.get(), part.original(), part.original_range()), ("", "", 5..5));
        assert!(part.is_empty());
    }
}
