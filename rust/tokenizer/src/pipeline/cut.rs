//! Cutting a large text where its pieces are the same as without the cut.

use crate::split::Family;
use crate::unicode::{Categories, Category};

/// Parts of `text` of about `size` bytes, which together are the text.
///
/// Cuts are at places where a piece starts whatever comes before, and before which one ends whatever comes after:
/// - before a blank or the like that follows something else: white space but line breaks joins nothing before it;
/// - before a line break that follows a letter or number, since only punctuation takes line breaks;
/// - but for GPT-2, whose pattern counts the white space that is left, after line breaks and before a letter or number.
pub(super) fn cut(text: &str, size: usize, family: Family) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (part, after) = rest.split_at(boundary(rest, size, family));
        rest = after;
        Some(part)
    })
}

const WORD: Categories = Categories::LETTER.or(Categories::NUMBER);

/// The first place to cut at or after `from`, or the end.
fn boundary(text: &str, from: usize, family: Family) -> usize {
    let bytes = text.as_bytes();
    let counts_spaces = matches!(family, Family::Gpt2 | Family::Gpt2Digits);
    let before = |at: usize| text[..at].chars().next_back().map(Category::of);
    for at in from.max(1)..bytes.len() {
        let cuts = match bytes[at] {
            b'\r' | b'\n' => before(at).is_some_and(|category| category.is(WORD)),
            b'\t' | 0x0B | 0x0C | b' ' => before(at) != Some(Category::Space),
            _ if !counts_spaces && matches!(bytes[at - 1], b'\r' | b'\n') => {
                text[at..].chars().next().is_some_and(|next| Category::of(next).is(WORD))
            }
            _ => false,
        };
        if cuts {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(text: &str, family: Family) -> Vec<&str> {
        let mut pieces = Vec::new();
        family.split(text, |range| pieces.push(&text[range]));
        pieces
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn pieces_are_the_same_with_cuts(
            text in "[aA1!/' \\n\\r\\t\\u{a0}\\u{3000}é漢\u{301}\u{200b}]{0,60}",
            size in 0usize..10,
        ) {
            for family in Family::ALL {
                let parts: Vec<&str> = cut(&text, size, family).collect();
                prop_assert_eq!(parts.concat(), text.clone());
                let cut: Vec<&str> = parts.iter().flat_map(|part| pieces(part, family)).collect();
                prop_assert_eq!(cut, pieces(&text, family), "{:?}", family);
            }
        }
    }
}
