//! The reversible map between bytes and printable characters of byte-level BPE (GPT-2's `bytes_to_unicode`).
//!
//! Printable bytes of Latin-1 stand for themselves; the other 68 are moved, in order, to U+0100 and up. Vocabulary
//! files spell tokens in these characters: a space is `Ġ`, a newline `Ċ`.

/// First code point that stands for a byte that is not printable.
const SHIFT: u32 = 0x100;

const fn is_printable(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// The character of each byte.
pub static BYTE_TO_CHAR: [char; 256] = {
    let mut table = ['\0'; 256];
    let (mut byte, mut moved) = (0, 0);
    while byte < 256 {
        if is_printable(byte as u8) {
            table[byte] = byte as u8 as char;
        } else if let Some(character) = char::from_u32(SHIFT + moved) {
            table[byte] = character;
            moved += 1;
        }
        byte += 1;
    }
    table
};

/// The byte of each character below [`CHARS`], or `None` where no byte has that character.
static CHAR_TO_BYTE: [Option<u8>; CHARS] = {
    let mut table = [None; CHARS];
    let mut byte = 0;
    while byte < 256 {
        table[BYTE_TO_CHAR[byte] as usize] = Some(byte as u8);
        byte += 1;
    }
    table
};

/// One past the largest character of the map.
const CHARS: usize = 0x144;

/// The byte that `character` stands for.
///
/// ```
/// assert_eq!(ferrolm_tokenizer::byte_level::byte_of('Ġ'), Some(b' '));
/// assert_eq!(ferrolm_tokenizer::byte_level::byte_of(' '), None);
/// ```
#[inline]
pub fn byte_of(character: char) -> Option<u8> {
    CHAR_TO_BYTE.get(character as usize).copied().flatten()
}

/// The bytes that the characters of `token` stand for; `None` if one stands for none.
pub fn bytes_of(token: &str) -> Option<Vec<u8>> {
    token.chars().map(byte_of).collect()
}

/// `bytes` spelled in the characters of the map.
///
/// ```
/// assert_eq!(ferrolm_tokenizer::byte_level::spell(" é\n".as_bytes()), "ĠÃ©Ċ");
/// ```
pub fn spell(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| BYTE_TO_CHAR[usize::from(byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(bytes_of(&spell(&all)), Some(all));
    }

    #[test]
    fn characters_outside_the_map_stand_for_no_byte() {
        for character in ['\u{144}', '\u{ad}', '\0', '漢'] {
            assert_eq!(byte_of(character), None, "{character:?}");
        }
    }
}
