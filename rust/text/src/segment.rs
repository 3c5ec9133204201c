//! Words of scripts that are written without spaces: Chinese, Japanese, Thai, Lao, Khmer and Burmese.
//!
//! The dictionaries and the search (longest match, looking ahead) are those of ICU4X. Linear in the text.

use std::ops::Range;

use icu_segmenter::options::WordBreakInvariantOptions;
use icu_segmenter::{WordSegmenter, WordSegmenterBorrowed};

/// Where the words of `text` lie, in bytes; white space and punctuation are left out.
pub fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    let mut breaks = segmenter().segment_str(text).iter_with_word_type();
    std::iter::from_fn(move || {
        for (end, kind) in breaks.by_ref() {
            let range = start..end;
            start = end;
            if !range.is_empty() && kind.is_word_like() {
                return Some(range);
            }
        }
        None
    })
}

fn segmenter() -> WordSegmenterBorrowed<'static> {
    WordSegmenter::new_dictionary(WordBreakInvariantOptions::default())
}

/// Whether a character belongs to a script that [`words`] has a dictionary for.
pub fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3005}'..='\u{3007}'
        | '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(text: &str) -> Vec<&str> {
        words(text).map(|range| &text[range]).collect()
    }

    #[test]
    fn words_are_those_of_the_dictionary() {
        assert_eq!(split("我们今天去北京大学。"), ["我们", "今天", "去", "北京", "大学"]);
        assert_eq!(split("吾輩は猫である"), ["吾輩", "は", "猫", "で", "ある"]);
        assert_eq!(split("ภาษาไทย ง่าย"), ["ภาษา", "ไทย", "ง่าย"]);
        assert_eq!(split(""), Vec::<&str>::new());
    }

    #[test]
    fn a_long_run_is_no_trouble() {
        for c in ["中", "あ", "ก", "\u{3400}", "က"] {
            assert!(split(&c.repeat(30_000)).concat().len() == 30_000 * c.len());
        }
    }

    proptest! {
        #[test]
        fn words_are_pieces_in_order(text in "[一-丠ぁ-ん ก-ฮa!\\PC]{0,40}") {
            let mut end = 0;
            for range in words(&text) {
                prop_assert!(range.start >= end && !text[range.clone()].trim().is_empty());
                end = range.end;
            }
        }
    }
}
