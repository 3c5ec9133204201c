//! Base64 of the standard alphabet with padding (RFC 4648), for tokens in text files.

use crate::error::{Result, TokenizerError};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The six bits of each letter; 64 and more for bytes that are none.
static BITS: [u8; 256] = {
    let mut table = [0xFF; 256];
    let mut at = 0;
    while at < 64 {
        table[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    table
};

/// Append the bytes that `text` stands for; `place` is named in errors.
pub(super) fn decode_into(text: &[u8], bytes: &mut Vec<u8>, place: impl Fn() -> String) -> Result<()> {
    let padding = text.iter().rev().take(2).take_while(|&&letter| letter == b'=').count();
    let digits = text.len() - padding;
    let wrong = || {
        let shown = String::from_utf8_lossy(&text[..text.len().min(40)]);
        TokenizerError::at(place(), format!("{shown:?} is not base64"))
    };
    if !text.len().is_multiple_of(4) {
        return Err(wrong());
    }
    for group in text[..digits].chunks(4) {
        let mut value = 0u32;
        for &letter in group {
            let bits = BITS[usize::from(letter)];
            if bits >= 64 {
                return Err(wrong());
            }
            value = value << 6 | u32::from(bits);
        }
        value <<= 6 * (4 - group.len()) as u32;
        let [_, decoded @ ..] = value.to_be_bytes();
        let count = group.len() * 6 / 8;
        // Bits beyond the last byte are zero, or the text stands for nothing that anyone encoded.
        if decoded[count..].iter().any(|&rest| rest != 0) {
            return Err(wrong());
        }
        bytes.extend_from_slice(&decoded[..count]);
    }
    Ok(())
}

/// Append `bytes` in base64.
pub(super) fn encode_into(bytes: &[u8], text: &mut String) {
    for group in bytes.chunks(3) {
        let mut padded = [0; 4];
        padded[1..=group.len()].copy_from_slice(group);
        let value = u32::from_be_bytes(padded);
        for at in 0..4 {
            let letter = ALPHABET[(value >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= group.len() { char::from(letter) } else { '=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(text: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        decode_into(text.as_bytes(), &mut bytes, || "line 1".into()).map(|()| bytes)
    }

    #[test]
    fn known_values_and_refusals() {
        assert_eq!(decode("Zm9vYg==").unwrap(), b"foob");
        assert_eq!(decode("").unwrap(), b"");
        for text in ["Zg", "Zg=", "Z===", "Zh==", "Zg==Zg==", "Z!==", "===="] {
            assert!(decode(text).unwrap_err().to_string().contains("base64"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut text = String::new();
            encode_into(&bytes, &mut text);
            prop_assert_eq!(decode(&text).unwrap(), bytes);
        }
    }
}
