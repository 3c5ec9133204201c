//! Characters of the byte-level map back to bytes, bytes to text.

use crate::byte_level::byte_of;

pub(super) fn decode(tokens: &[String]) -> String {
    let mut bytes = Vec::new();
    for token in tokens {
        push_bytes(token, &mut bytes);
    }
    lossy(bytes)
}

/// `bytes` as text, with U+FFFD for what is not UTF-8.
pub(crate) fn lossy(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

/// The bytes that `token` stands for; one with a character outside the map stands for itself.
pub(crate) fn push_bytes(token: &str, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    for character in token.chars() {
        if let Some(byte) = byte_of(character) {
            bytes.push(byte);
        } else {
            bytes.truncate(start);
            bytes.extend_from_slice(token.as_bytes());
            return;
        }
    }
}
