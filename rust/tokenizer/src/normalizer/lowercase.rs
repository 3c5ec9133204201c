//! Lower case.

use std::borrow::Cow;

use super::output::{Output, any, character_at, run};
use crate::normalized::NormalizedString;
use crate::unicode::traits::{Traits, lower};

impl NormalizedString {
    /// Make the text lower case, character by character.
    pub fn lowercase(&mut self) {
        self.expand(lower);
    }
}

pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let mut output = Output::new(text);
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        if bytes[at].is_ascii() {
            at += run(&bytes[at..], |byte| byte.is_ascii());
            if any(&bytes[start..at], |byte| byte.is_ascii_uppercase()) {
                let result = output.replace(start..at);
                let written = result.len();
                result.push_str(&text[start..at]);
                result[written..].make_ascii_lowercase();
            }
            continue;
        }
        let character = character_at(text, at);
        at += character.len_utf8();
        if Traits::of(character).any(Traits::LOWERED) {
            output.replace(start..at).extend(lower(character));
        }
    }
    output.finish()
}
