//! Cutting a large text where its pieces are the same as without the cut.

use crate::unicode::Class;

/// Parts of `text` of about `size` bytes, which together are the text.
///
/// Cuts are before white space that follows something else: a run of white space always starts a piece of the GPT-2
/// pattern, and no alternative looks further back or, at the end of the part before, further ahead.
pub(super) fn cut(text: &str, size: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (part, after) = rest.split_at(boundary(rest, size));
        rest = after;
        Some(part)
    })
}

/// The first place to cut at or after `from`, or the end.
fn boundary(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let is_space = |byte: u8| byte == b' ' || byte.wrapping_sub(9) < 5;
    let mut at = from.max(1);
    while at < bytes.len() {
        if is_space(bytes[at])
            && text[..at].chars().next_back().is_some_and(|before| Class::of(before) != Class::Space)
        {
            return at;
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::split::gpt2;

    fn pieces(text: &str) -> Vec<&str> {
        let mut pieces = Vec::new();
        gpt2::split(text, |range| pieces.push(&text[range]));
        pieces
    }

    proptest! {
        #[test]
        fn pieces_are_the_same_with_cuts(text in "[ab1!' \\n\\u{a0}\\u{3000}é]{0,60}", size in 0usize..10) {
            let parts: Vec<&str> = cut(&text, size).collect();
            prop_assert_eq!(parts.concat(), text.clone());
            let cut: Vec<&str> = parts.iter().flat_map(|part| pieces(part)).collect();
            prop_assert_eq!(cut, pieces(&text));
        }
    }
}
