//! Character classes of the reference's patterns, pinned to Unicode 16 as the reference engine is.
//!
//! A two-stage table: 64 code points share an index entry, equal blocks are stored once.

pub mod forms;
pub mod graphemes;
#[rustfmt::skip]
#[allow(clippy::unreadable_literal, clippy::large_stack_arrays, reason = "generated")]
mod table;
pub mod traits;

/// What the patterns of byte-level tokenizers tell apart.
///
/// Those from 8 on, except white space, are in DeepSeek's range of Chinese characters and kana; without that bit they
/// are what they are elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Category {
    /// Control and format characters, private and unassigned ones.
    Other = 0,
    /// `\p{Ll}`
    Lower = 1,
    /// `\p{Lu}` and `\p{Lt}`
    Upper = 2,
    /// `\p{Lm}` and `\p{Lo}`
    Letter = 3,
    /// `\p{M}`
    Mark = 4,
    /// `\p{N}`
    Number = 5,
    /// `\p{P}`
    Punctuation = 6,
    /// `\p{S}`
    Symbol = 7,
    HanOther = 8,
    /// `\s`
    Space = 9,
    HanLetter = 11,
    HanMark = 12,
    HanPunctuation = 14,
    HanSymbol = 15,
}

impl Category {
    const ALL: [Self; 16] = [
        Self::Other,
        Self::Lower,
        Self::Upper,
        Self::Letter,
        Self::Mark,
        Self::Number,
        Self::Punctuation,
        Self::Symbol,
        Self::HanOther,
        Self::Space,
        Self::Other,
        Self::HanLetter,
        Self::HanMark,
        Self::Other,
        Self::HanPunctuation,
        Self::HanSymbol,
    ];

    pub const fn of(character: char) -> Self {
        Self::of_code(character as u32)
    }

    /// Of a code point; beyond the last one, of some character.
    #[inline]
    pub(crate) const fn of_code(code: u32) -> Self {
        Self::ALL[category_bits(code) as usize]
    }

    /// Whether it is one of `set`.
    #[inline]
    pub const fn is(self, set: Categories) -> bool {
        set.0 >> self as u8 & 1 == 1
    }
}

/// [`Category::of_code`] as a number below 16.
#[inline]
pub(crate) const fn category_bits(code: u32) -> u8 {
    let code = code as usize & 0x1F_FFFF;
    let code = if code < 0x11_0000 { code } else { 0x10_FFFF };
    let block = &table::BLOCKS[table::INDEX[code >> 6] as usize];
    ((block[(code >> 4) & 3] >> ((code & 15) * 4)) & 15) as u8
}

/// A set of categories, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Categories(u16);

impl Categories {
    /// `\p{L}`
    pub const LETTER: Self = Self(1 << 1 | 1 << 2 | 1 << 3 | 1 << 11);
    /// `[\p{Lm}\p{Lo}\p{M}]`: letters without case, and marks.
    pub const UNCASED: Self = Self(1 << 3 | 1 << 11).or(Self::MARK);
    /// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
    pub const UPPER: Self = Self(1 << 2).or(Self::UNCASED);
    /// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
    pub const LOWER: Self = Self(1 << 1).or(Self::UNCASED);
    /// `\p{M}`
    pub const MARK: Self = Self(1 << 4 | 1 << 12);
    /// `\p{N}`
    pub const NUMBER: Self = Self(1 << 5);
    /// `[\p{P}\p{S}]`
    pub const GRAPHIC: Self = Self(1 << 6 | 1 << 7 | 1 << 14 | 1 << 15);
    /// `\s`
    pub const SPACE: Self = Self(1 << 9);
    /// `[一-龥぀-ゟ゠-ヿ]`
    pub const HAN: Self = Self(1 << 8 | 1 << 11 | 1 << 12 | 1 << 14 | 1 << 15);

    /// Of both sets together.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// All that are not in this set.
    #[must_use]
    pub const fn not(self) -> Self {
        Self(!self.0)
    }
}

/// What the GPT-2 pattern tells apart: `\p{L}`, `\p{N}`, `\s` and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    Other = 0,
    Letter = 1,
    Number = 2,
    Space = 3,
}

impl Class {
    pub const fn of(character: char) -> Self {
        Self::of_code(character as u32)
    }

    /// Of a code point; beyond the last one, of some character.
    #[inline]
    pub(crate) const fn of_code(code: u32) -> Self {
        let category = Category::of_code(code);
        if category.is(Categories::LETTER) {
            Self::Letter
        } else if category.is(Categories::NUMBER) {
            Self::Number
        } else if category.is(Categories::SPACE) {
            Self::Space
        } else {
            Self::Other
        }
    }
}

/// Whether `character` is matched by `\\w`.
pub fn is_word(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    let code = character as u32;
    let after = table::WORD.partition_point(|&(first, _)| first <= code);
    after.checked_sub(1).is_some_and(|at| code <= table::WORD[at].1)
}

/// [`Class::of`] for the 128 ASCII characters.
pub static ASCII: [Class; 128] = {
    let mut classes = [Class::Other; 128];
    let mut code = 0;
    while code < 128 {
        classes[code] = Class::of(code as u8 as char);
        code += 1;
    }
    classes
};

/// [`Category::of`] for the 128 ASCII characters.
pub static ASCII_CATEGORIES: [Category; 128] = {
    let mut categories = [Category::Other; 128];
    let mut code = 0;
    while code < 128 {
        categories[code] = Category::of(code as u8 as char);
        code += 1;
    }
    categories
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_unicode_16() {
        for (text, class) in [
            ("aZäßжאक漢", Class::Letter),
            ("07²½Ⅷ٣", Class::Number),
            (" \t\n\u{85}\u{a0}\u{3000}\u{2028}", Class::Space),
            ("!'_\u{301}😀\u{200b}\u{feff}\u{10ffff}", Class::Other),
            // Letters new in 16 are letters, those of 17 are unassigned here.
            ("\u{10d4a}\u{16d40}", Class::Letter),
            ("\u{10940}\u{323b0}", Class::Other),
        ] {
            for character in text.chars() {
                assert_eq!(Class::of(character), class, "{character:?}");
            }
        }
    }

    #[test]
    fn word_characters_include_marks_and_joiners() {
        assert!("aZ_9é\u{301}\u{200d}漢\u{203f}".chars().all(is_word));
        assert!(!" -'²\u{200b}😀\u{10ffff}".chars().any(is_word));
    }
}
