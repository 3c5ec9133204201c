//! Character references: `&amp;`, `&#233;`, `&eacute` (<https://html.spec.whatwg.org/#character-reference-state>).

use std::borrow::Cow;

use memchr::memchr;

use super::entity_table::NAMED;

/// Of names that are recognised without `;`.
const LONGEST_BARE: usize = 6;
/// Of all names, with `;`.
const LONGEST: usize = 32;

/// What bytes 0x80 to 0x9F of Windows-1252 stand for: references to these control characters mean them.
const WINDOWS_1252: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}',
    '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}',
    '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}',
    '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

/// `text` with its references replaced; what is none stays as it is.
pub fn decode(text: &str) -> Cow<'_, str> {
    let Some(first) = memchr(b'&', text.as_bytes()) else {
        return Cow::Borrowed(text);
    };
    let (before, mut rest) = text.split_at(first);
    let mut decoded = String::with_capacity(text.len());
    decoded.push_str(before);
    loop {
        let (value, length) = reference(rest);
        match value {
            Some(Value::Name(value)) => decoded.push_str(value),
            Some(Value::Number(value)) => decoded.push(value),
            None => decoded.push_str(&rest[..length]),
        }
        rest = &rest[length..];
        let Some(next) = memchr(b'&', rest.as_bytes()) else {
            decoded.push_str(rest);
            return Cow::Owned(decoded);
        };
        decoded.push_str(&rest[..next]);
        rest = &rest[next..];
    }
}

enum Value {
    Name(&'static str),
    Number(char),
}

/// What `text`, which begins with `&`, refers to, and how many bytes do so; one byte if there is no reference.
fn reference(text: &str) -> (Option<Value>, usize) {
    let bytes = text.as_bytes();
    if bytes.get(1) == Some(&b'#') {
        return numeric(bytes);
    }
    let run = bytes.iter().skip(1).take(LONGEST).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    if bytes.get(1 + run) == Some(&b';')
        && let Some(value) = text.get(1..run + 2).and_then(named)
    {
        return (Some(Value::Name(value)), run + 2);
    }
    let mut bare = (2..=run.min(LONGEST_BARE)).rev();
    bare.find_map(|length| Some((Some(Value::Name(named(&text[1..=length])?)), 1 + length)))
        .unwrap_or((None, 1))
}

fn named(name: &str) -> Option<&'static str> {
    let found = NAMED.binary_search_by_key(&name, |&(known, _)| known).ok()?;
    NAMED.get(found).map(|&(_, value)| value)
}

fn numeric(bytes: &[u8]) -> (Option<Value>, usize) {
    let (radix, start) = if matches!(bytes.get(2), Some(b'x' | b'X')) { (16, 3) } else { (10, 2) };
    let digits = bytes.iter().skip(start).map_while(|&byte| char::from(byte).to_digit(radix));
    let (number, count) = digits.fold((0_u32, 0), |(number, count), digit| {
        (number.saturating_mul(radix).saturating_add(digit), count + 1)
    });
    if count == 0 {
        return (None, 1);
    }
    let end = start + count;
    let semicolon = usize::from(bytes.get(end) == Some(&b';'));
    let value = match number {
        0 => char::REPLACEMENT_CHARACTER,
        // Separators of records and files: white space to Python, and so to whoever strips what comes out.
        0x1c..=0x1f => ' ',
        0x80..=0x9f => WINDOWS_1252[number as usize - 0x80],
        _ => char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER),
    };
    (Some(Value::Number(value)), end + semicolon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_decoded_as_browsers_do() {
        for (source, text) in [
            ("no reference", "no reference"),
            ("&lt;b&gt; &eacute;&#233;&#xe9;&#XE9 &notanentity; &notin;", "<b> éééé ¬anentity; ∉"),
            ("&#0;&#x110000;&#xd800;&#99999999999999999999;", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
            ("&#150; &#x80;a&#31;b", "– €a b"),
            ("& && &; &#; &#x; &unknown; &", "& && &; &#; &#x; &unknown; &"),
            ("&CounterClockwiseContourIntegral;&NotEqualTilde;", "∳≂̸"),
            ("&amp;amp; 漢&nbsp漢", "&amp; 漢\u{a0}漢"),
        ] {
            assert_eq!(decode(source), text);
        }
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(NAMED.is_sorted_by(|a, b| a.0 < b.0));
        assert!(NAMED.iter().all(|(name, _)| name.len() <= LONGEST));
        assert!(NAMED.iter().all(|(name, _)| name.ends_with(';') || name.len() <= LONGEST_BARE));
    }
}
