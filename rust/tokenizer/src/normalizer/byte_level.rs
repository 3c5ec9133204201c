//! Each byte spelled as the character that stands for it.

use std::borrow::Cow;

use crate::byte_level::BYTE_TO_CHAR;
use crate::normalized::{Change, NormalizedString};

pub(super) fn normalize(text: &mut NormalizedString) {
    let mut changes: Vec<Change> = Vec::with_capacity(text.len());
    for character in text.get().chars() {
        let mut buffer = [0; 4];
        let bytes = character.encode_utf8(&mut buffer).bytes();
        changes.extend(bytes.enumerate().map(|(index, byte)| {
            // The first byte stands for the character, the others are new.
            (BYTE_TO_CHAR[usize::from(byte)], isize::from(index > 0))
        }));
    }
    if !text.is_empty() {
        text.transform(changes, 0);
    }
}

pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Cow::Borrowed(text);
    }
    let mut result = String::with_capacity(text.len() * 2);
    result.extend(text.bytes().map(|byte| BYTE_TO_CHAR[usize::from(byte)]));
    Cow::Owned(result)
}
