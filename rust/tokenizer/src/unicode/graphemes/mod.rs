//! Extended grapheme clusters of Unicode 17 (UAX 29), what a reader takes for one character.

#[rustfmt::skip]
#[allow(clippy::large_stack_arrays, reason = "generated")]
mod table;

#[allow(clippy::enum_glob_use, reason = "the rules are read by these names")]
use Class::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Class {
    Other,
    CarriageReturn,
    LineFeed,
    Control,
    Joiner,
    /// An extender that links the consonants of a conjunct.
    Linker,
    /// An extender that may stand inside of a conjunct.
    Extend,
    /// Any other extender.
    OtherExtend,
    RegionalIndicator,
    Prepend,
    SpacingMark,
    Lead,
    Vowel,
    Final,
    LeadVowel,
    LeadVowelFinal,
    Pictograph,
    Consonant,
}

const CLASSES: [Class; 18] = {
    [
        Other,
        CarriageReturn,
        LineFeed,
        Control,
        Joiner,
        Linker,
        Extend,
        OtherExtend,
        RegionalIndicator,
        Prepend,
        SpacingMark,
        Lead,
        Vowel,
        Final,
        LeadVowel,
        LeadVowelFinal,
        Pictograph,
        Consonant,
    ]
};

fn class(character: char) -> Class {
    let code = character as usize;
    CLASSES[usize::from(table::BLOCKS[usize::from(table::INDEX[code >> 6])][code & 63])]
}

/// Whether a character is a cluster with no other, but for marks after it and what clings to any text that follows.
pub(crate) fn stands_alone(character: char) -> bool {
    class(character) == Class::Other
}

/// Characters that cling to the text that follows.
pub(crate) fn prepended() -> impl Iterator<Item = char> {
    let candidates = ('\u{600}'..='\u{d4e}').chain('\u{11000}'..='\u{11fff}');
    candidates.filter(|&character| class(character) == Class::Prepend)
}

/// What the rules that look back further than one character need to know of a cluster.
#[derive(Default)]
struct Seen {
    /// The next regional indicator is the second of its pair.
    indicator: bool,
    /// Pictograph, extenders.
    pictograph: bool,
    /// The same and then a joiner.
    joined: bool,
    /// Consonant, extenders and linkers.
    consonant: bool,
    /// The same with at least one linker.
    linked: bool,
}

impl Seen {
    fn see(&mut self, class: Class) {
        let extends = matches!(class, Class::Linker | Class::Extend | Class::OtherExtend);
        self.indicator = class == Class::RegionalIndicator && !self.indicator;
        self.joined = class == Class::Joiner && self.pictograph;
        self.pictograph = class == Class::Pictograph || extends && self.pictograph;
        let inside = matches!(class, Class::Linker | Class::Extend | Class::Joiner) && self.consonant;
        self.linked = inside && (self.linked || class == Class::Linker);
        self.consonant = class == Class::Consonant || inside;
    }
}

#[allow(clippy::match_same_arms, reason = "one arm for each rule, in their order")]
/// Whether there is no boundary between `last` and `next`.
fn joins(last: Class, next: Class, seen: &Seen) -> bool {
    match (last, next) {
        (CarriageReturn, LineFeed) => true,
        (CarriageReturn | LineFeed | Control, _) | (_, CarriageReturn | LineFeed | Control) => false,
        (_, Joiner | Linker | Extend | OtherExtend | SpacingMark) | (Prepend, _) => true,
        (Lead, Lead | Vowel | LeadVowel | LeadVowelFinal)
        | (LeadVowel | Vowel, Vowel | Final)
        | (LeadVowelFinal | Final, Final) => true,
        (RegionalIndicator, RegionalIndicator) => seen.indicator,
        (_, Pictograph) => seen.joined,
        (_, Consonant) => seen.linked,
        _ => false,
    }
}

/// The length in bytes of the first cluster of `text`.
pub fn cluster(text: &str) -> usize {
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return 0 };
    let mut length = first.len_utf8();
    let mut last = class(first);
    let mut seen: Option<Seen> = None;
    for character in characters {
        let next = class(character);
        // The most frequent case, decided without looking further.
        if last == Class::Other && next == Class::Other {
            break;
        }
        let seen = seen.get_or_insert_with(|| {
            let mut seen = Seen::default();
            seen.see(last);
            seen
        });
        if !joins(last, next, seen) {
            break;
        }
        seen.see(next);
        length += character.len_utf8();
        last = next;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clusters(mut text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        while !text.is_empty() {
            let (first, rest) = text.split_at(cluster(text));
            found.push(first);
            text = rest;
        }
        found
    }

    #[test]
    fn all_that_clings_to_what_follows_is_listed() {
        let all = ('\0'..=char::MAX).filter(|&character| class(character) == Class::Prepend);
        assert!(all.eq(prepended()));
    }

    #[test]
    fn rules_of_uax_29() {
        for pieces in [
            &["a", "b"][..],
            &["\r\n", "\n", "\r", "\u{301}"],
            &["e\u{301}\u{323}", "x"],
            &["각", "가\u{11a8}", "\u{1100}\u{1161}", "a"],
            &["🇩🇪", "🇫🇷", "🇬"],
            &["👨\u{200d}👩\u{200d}👧", "👍🏽", "a\u{200d}", "👧"],
            &["क्ष", "क", "षि"],
            &["\u{600}1", "\u{600}\u{301}"],
        ] {
            assert_eq!(clusters(&pieces.concat()), pieces);
        }
    }
}
