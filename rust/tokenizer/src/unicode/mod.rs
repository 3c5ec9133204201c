//! Character classes of the reference's patterns, pinned to Unicode 16 as the reference engine is.
//!
//! A two-stage table: 64 code points share an index entry, equal blocks are stored once.

pub mod forms;
pub mod graphemes;
#[rustfmt::skip]
#[allow(clippy::unreadable_literal, clippy::large_stack_arrays, reason = "generated")]
mod table;
pub mod traits;

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
        let code = code as usize & 0x1F_FFFF;
        let code = if code < 0x11_0000 { code } else { 0x10_FFFF };
        let block = &table::BLOCKS[table::INDEX[code >> 6] as usize];
        match (block[(code >> 5) & 1] >> ((code & 31) * 2)) & 3 {
            0 => Self::Other,
            1 => Self::Letter,
            2 => Self::Number,
            _ => Self::Space,
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
