//! The text of an article that a page tells to search engines (<https://schema.org/articleBody>), for pages that show it
//! only when their scripts run.

use std::borrow::Cow;

use memchr::memmem;

use super::tree::Tree;
use super::{hints::Hints, tags::Tag, tokens::Key};

/// The longest `articleBody` of the JSON-LD of the page, as it stands there: text, or markup.
pub fn article_body(tree: &Tree<'_>) -> Option<String> {
    let mut scripts = tree.nodes.iter().enumerate().filter(|(_, node)| {
        node.tag == Tag::SCRIPT
            && tree
                .attribute(node, Key::Type)
                .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/ld+json"))
    });
    let bodies = scripts
        .by_ref()
        .filter_map(|(id, _)| tree.nodes.get(id + 1))
        .filter(|node| node.tag == Tag::TEXT && node.hints == Hints::default());
    bodies.filter_map(|node| longest_body(tree.text(node))).max_by_key(String::len)
}

/// By its key alone: much JSON of pages is not valid.
fn longest_body(json: &str) -> Option<String> {
    let key = "\"articleBody\"";
    let values = memmem::find_iter(json.as_bytes(), key).filter_map(|at| {
        let value =
            json.get(at + key.len()..)?.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
        let end = string_end(value)?;
        value.get(..end)
    });
    values.max_by_key(|value| value.len()).map(|value| unescape(value).into_owned())
}

/// Where a JSON string ends. Strings do not overlap, so that all of them together are read once.
fn string_end(value: &str) -> Option<usize> {
    let mut bytes = value.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some(at),
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
    None
}

fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(letter) = rest.chars().next() else { break };
        rest = &rest[letter.len_utf8()..];
        match letter {
            'n' => text.push('\n'),
            'r' | 't' | 'b' | 'f' => text.push(' '),
            'u' => {
                let (character, length) = utf16(rest);
                text.push(character);
                rest = &rest[length..];
            }
            other => text.push(other),
        }
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The character of `\u` and what follows it, perhaps a second half, and the bytes it takes.
fn utf16(rest: &str) -> (char, usize) {
    let unit = |at: usize| u16::from_str_radix(rest.get(at..at + 4)?, 16).ok();
    let Some(first) = unit(0) else { return (char::REPLACEMENT_CHARACTER, 0) };
    let second = if rest.get(4..6) == Some("\\u") { unit(6) } else { None };
    let pair = [first, second.unwrap_or_default()];
    match char::decode_utf16(pair).next() {
        Some(Ok(character)) => (character, if character.len_utf16() == 2 { 10 } else { 4 }),
        _ => (char::REPLACEMENT_CHARACTER, 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_found_in_json_that_is_not_whole() {
        let json = r#"{"@type": "Article", broken, "articleBody" : "A \"b\"\nc\u00e9\ud83d\ude00\ud800x \/", "articleBody": "-", "articleBody": 3"#;
        assert_eq!(longest_body(json).as_deref(), Some("A \"b\"\ncé😀\u{fffd}x /"));
        assert_eq!(longest_body(r#""articleBody": "never ends"#), None);
        assert_eq!(longest_body(r#""articleBody": "ends in \u12"#), None);
        assert_eq!(longest_body(r#""articleBody": "\u12""#).as_deref(), Some("\u{fffd}12"));
    }
}
