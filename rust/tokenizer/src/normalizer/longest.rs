//! A character map as SentencePiece itself reads it: at each place the longest beginning of the text that is in the map
//! becomes its text, across grapheme clusters, and what is in no entry stays.

use std::borrow::Cow;

use super::output::{Output, character_at, run};
use super::precompiled::{Map, replace};
use crate::normalized::{Change, NormalizedString};

pub(super) fn normalize(map: &Map, text: &mut NormalizedString) {
    let mut changes: Vec<Change> = Vec::with_capacity(text.len());
    let mut modified = false;
    let whole = text.get();
    let mut at = 0;
    while at < whole.len() {
        if let Some((length, new)) = map.longest(&whole[at..]) {
            modified = true;
            replace(&mut changes, &whole[at..at + length], new);
            at += length;
        } else {
            let character = character_at(whole, at);
            changes.push((character, 0));
            at += character.len_utf8();
        }
    }
    if modified {
        text.transform(changes, 0);
    }
}

pub(super) fn plain<'a>(map: &Map, text: &'a str) -> Cow<'a, str> {
    let mut output = Output::new(text);
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let kept = run(&bytes[at..], |byte| map.kept[usize::from(byte)]);
        // Before other bytes the last one may be the start of an entry.
        let kept = if at + kept < bytes.len() { kept.saturating_sub(1) } else { kept };
        at += kept;
        if at == bytes.len() {
            break;
        }
        if let Some((length, new)) = map.longest(&text[at..]) {
            output.replace(at..at + length).push_str(new);
            at += length;
        } else {
            at += character_at(text, at).len_utf8();
        }
    }
    output.finish()
}
