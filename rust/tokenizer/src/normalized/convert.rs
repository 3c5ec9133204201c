//! From offsets in one form of a text to offsets in the other.

use std::ops::Range;

use super::{NormalizedString, ceil, floor};

impl NormalizedString {
    /// Bytes of this part of the original for bytes of the normalized form: from the start of what the first byte
    /// comes from to the end of what the last one comes from. An empty range stays what it is.
    ///
    /// None for a range that runs backwards or leaves the text.
    pub fn convert(&self, range: Range<usize>) -> Option<Range<usize>> {
        if range.start == range.end {
            return Some(range);
        }
        if range.start > range.end || range.end > self.len() {
            return None;
        }
        let (start, end) = (self.origin(range.start)?.0 as usize, self.origin(range.end - 1)?.1 as usize);
        Some(start - self.part.start..end - self.part.start)
    }

    /// [`convert`](Self::convert), counted from the start of the whole text.
    ///
    /// A range that leaves the text is given back as it is, as the reference does.
    pub fn to_original(&self, range: Range<usize>) -> Range<usize> {
        self.convert(range.clone())
            .map_or(range, |range| self.part.start + range.start..self.part.start + range.end)
    }

    /// Bytes of the normalized form for bytes of this part of the original: those that come from inside of it.
    ///
    /// Where a part that comes from nothing starts, or where nothing comes from the range, the result is empty.
    /// None for a range that runs backwards, and before all that has a normalized form.
    pub fn to_normalized(&self, range: Range<usize>) -> Option<Range<usize>> {
        if range.start == range.end {
            return Some(range);
        }
        if range.start > range.end {
            return None;
        }
        let (start, end) = match self.changed_origins() {
            None => {
                let text = self.original();
                (ceil(text, range.start), floor(text, range.end))
            }
            Some(origins) => {
                let shift = self.part.start;
                let end = origins.partition_point(|origin| origin.1 as usize <= shift + range.end);
                let first = origins.partition_point(|origin| (origin.0 as usize) < shift + range.start);
                // What comes from nothing is not the start of anything.
                let inserted = origins.get(first..).unwrap_or_default();
                (first + inserted.iter().take_while(|origin| origin.0 == origin.1).count(), end)
            }
        };
        match (start < end, end) {
            (true, _) => Some(start..end),
            (false, 0) => None,
            (false, _) => Some(end..end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_text_has_no_normalized_form() {
        let mut text = NormalizedString::new("     Hello");
        text.filter(|character| character != ' ');
        assert_eq!(text.to_normalized(6..9), Some(1..4));
        assert_eq!(text.to_normalized(0..2), None);
        assert_eq!(text.to_normalized(0..5), None);
        assert_eq!(text.to_normalized(3..3), Some(3..3));
        assert_eq!(text.to_normalized(0..10), Some(0..5));
        assert_eq!(text.convert(0..5), Some(5..10));
        assert_eq!(text.convert(0..6), None);
    }

    #[test]
    fn ranges_inside_characters_round_inwards_from_the_original_and_outwards_to_it() {
        let text = NormalizedString::new("é漢");
        assert_eq!(text.convert(1..3), Some(0..5));
        assert_eq!(text.to_normalized(1..5), Some(2..5));
        assert_eq!(text.to_normalized(1..4), Some(2..2));
        assert_eq!(text.to_normalized(0..1), None);
    }
}
