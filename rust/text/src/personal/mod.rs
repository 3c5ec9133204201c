//! Personal data in text: e-mail addresses, telephone numbers, IP addresses, payment cards, bank accounts and social
//! security numbers.
//!
//! Precision comes before recall: what has a checksum must have it right, and what looks like part of something longer
//! is left alone. Each place of the text is looked at by candidates of bounded length, so the time is linear whatever
//! the text. Everything that is looked for begins with, or has, an ASCII character, so bytes are enough.

mod addresses;
mod numbers;

use std::ops::Range;

/// What can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Email,
    Phone,
    Ip,
    Card,
    Iban,
    Ssn,
}

impl Kind {
    pub const ALL: [Self; 6] = [Self::Email, Self::Phone, Self::Ip, Self::Card, Self::Iban, Self::Ssn];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Ip => "ip",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Ssn => "ssn",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Where personal data lies, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub kind: Kind,
    pub range: Range<usize>,
}

/// Everything of `kinds` in `text`, in order, without overlap.
pub fn find(text: &str, kinds: &[Kind]) -> Vec<Found> {
    let bytes = text.as_bytes();
    let asked = |kind| kinds.contains(&kind);
    let mut found: Vec<Found> = Vec::new();
    let (mut place, mut inside) = (0, false);
    while let Some(&byte) = bytes.get(place) {
        // Most bytes are inside of words, where nothing begins and only an `@` says something.
        if std::mem::replace(&mut inside, byte.is_ascii_alphanumeric()) && byte.is_ascii_alphanumeric() {
            place += 1;
            continue;
        }
        let end = found.last().map_or(0, |last| last.range.end);
        let next = match byte {
            b'@' if asked(Kind::Email) => {
                addresses::email(text, place, end).map(|range| (Kind::Email, range))
            }
            b'0'..=b'9' | b'+' | b'(' if starts(text, place) => number(bytes, place, kinds),
            b'A'..=b'Z' if asked(Kind::Iban) && starts(text, place) => {
                numbers::iban(bytes, place).map(|end| (Kind::Iban, place..end))
            }
            _ => None,
        };
        let next = next.or_else(|| {
            let here = asked(Kind::Ip) && matches!(byte, b':' | b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F');
            (here && starts(text, place))
                .then(|| addresses::ip_v6(bytes, place).map(|end| (Kind::Ip, place..end)))
                .flatten()
        });
        match next {
            Some((kind, range)) if ends(text, range.end) => {
                place = range.end;
                inside = false;
                found.push(Found { kind, range });
            }
            _ => place += 1,
        }
    }
    found
}

/// Kinds that begin with a digit, `+` or `(`, the surest first.
fn number(bytes: &[u8], place: usize, kinds: &[Kind]) -> Option<(Kind, Range<usize>)> {
    type Reader = fn(&[u8], usize) -> Option<usize>;
    let readers: [(Kind, Reader); 4] = [
        (Kind::Card, numbers::card),
        (Kind::Ip, addresses::ip_v4),
        (Kind::Ssn, numbers::ssn),
        (Kind::Phone, numbers::phone),
    ];
    readers
        .into_iter()
        .filter(|(kind, _)| kinds.contains(kind))
        .find_map(|(kind, reader)| reader(bytes, place).map(|end| (kind, place..end)))
}

/// Whether something can begin at `place`: not inside a word, a number or a path.
fn starts(text: &str, place: usize) -> bool {
    match text.get(..place).and_then(|before| before.chars().next_back()) {
        None => true,
        Some(':') => follows_label(text, place),
        Some(c) => !c.is_alphanumeric() && !"_.-+/#@$€£¥%".contains(c),
    }
}

/// Whether a label of letters stands before the colon at `place - 1`, as in `tel:+49`.
fn follows_label(text: &str, place: usize) -> bool {
    let before = text.as_bytes().get(..place.saturating_sub(1)).unwrap_or_default();
    let label = before.iter().rev().take(16).take_while(|byte| byte.is_ascii_alphabetic());
    label.fold((0, false), |(n, other), byte| (n + 1, other || !byte.is_ascii_hexdigit())).1
}

/// Whether something can end at `place`.
fn ends(text: &str, place: usize) -> bool {
    let mut after = text.get(place..).unwrap_or_default().chars();
    match after.next() {
        Some(c) if c.is_alphanumeric() || matches!(c, '_' | '@' | '%') => false,
        // A stop ends a sentence; between digits it is part of a number.
        Some('.' | '-' | ':' | ',' | '/') => !after.next().is_some_and(|c| c.is_ascii_digit()),
        None | Some(_) => true,
    }
}

/// `text` with everything of `kinds` replaced by what `holder` gives for its kind.
pub fn mask<'h>(text: &str, kinds: &[Kind], holder: impl Fn(Kind) -> &'h str) -> Option<String> {
    let found = find(text, kinds);
    if found.is_empty() {
        return None;
    }
    let (mut masked, mut end) = (String::with_capacity(text.len()), 0);
    for Found { kind, range } in found {
        masked.push_str(text.get(end..range.start).unwrap_or_default());
        masked.push_str(holder(kind));
        end = range.end;
    }
    masked.push_str(text.get(end..).unwrap_or_default());
    Some(masked)
}
