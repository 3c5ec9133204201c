//! What the normalizers that clean text do to a character, as the reference does it.
//!
//! Its categories are those of several versions of Unicode: about 7 for what BERT removes, 9 for combining marks, 17
//! for lower case.

#[rustfmt::skip]
#[allow(clippy::unreadable_literal, clippy::large_stack_arrays, reason = "generated")]
mod table;

/// The traits of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits(u8);

impl Traits {
    pub const NONE: Self = Self(0);
    /// BERT removes it: control and format characters, private use, U+0000 and U+FFFD.
    pub const DROPPED: Self = Self(1);
    /// BERT makes it a space, or it is one.
    pub const SPACE: Self = Self(2);
    /// BERT puts spaces around it.
    pub const IDEOGRAPH: Self = Self(4);
    /// BERT takes it for an accent.
    pub const NONSPACING: Self = Self(8);
    /// `StripAccents` takes it for an accent.
    pub const COMBINING: Self = Self(16);
    /// It has a lower case of its own.
    pub const LOWERED: Self = Self(32);
    /// Canonical decomposition changes it, or moves it.
    pub const REORDERED: Self = Self(64);

    pub fn of(character: char) -> Self {
        let code = character as usize;
        Self(table::BLOCKS[usize::from(table::INDEX[code >> 6])][code & 63])
    }

    /// Whether the character has any of `traits`.
    pub const fn any(self, traits: Self) -> bool {
        self.0 & traits.0 != 0
    }

    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The lower case of a character.
pub fn lower(character: char) -> impl Iterator<Item = char> + Clone {
    let lower = if character.is_ascii() {
        character.to_ascii_lowercase()
    } else if Traits::of(character).any(Traits::LOWERED) {
        let found = table::LOWER.binary_search_by_key(&character, |pair| pair.0);
        found.map_or(character, |at| table::LOWER[at].1)
    } else {
        character
    };
    // The one character whose lower case is two.
    std::iter::once(lower).chain((character == '\u{130}').then_some('\u{307}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_case_is_that_of_unicode_17() {
        let lowered = |text: &str| text.chars().flat_map(lower).collect::<String>();
        assert_eq!(lowered("AÄΣЖⅧ\u{10400}\u{1C89}é1"), "aäσжⅷ\u{10428}\u{1C8A}é1");
        assert_eq!(lowered("\u{130}"), "i\u{307}");
        assert_eq!(lowered("\u{A7CE}"), "\u{A7CF}");
    }

    #[test]
    fn traits_of_old_categories() {
        assert!(Traits::of('\u{e000}').any(Traits::DROPPED));
        assert!(!Traits::of('\u{378}').any(Traits::DROPPED), "unassigned");
        assert!(Traits::of('\u{3000}').any(Traits::SPACE));
        assert!(Traits::of('漢').any(Traits::IDEOGRAPH) && !Traits::of('か').any(Traits::IDEOGRAPH));
        assert!(
            Traits::of('\u{301}').any(Traits::NONSPACING) && Traits::of('\u{301}').any(Traits::COMBINING)
        );
        assert!(
            !Traits::of('\u{903}').any(Traits::NONSPACING) && Traits::of('\u{903}').any(Traits::COMBINING)
        );
    }
}
