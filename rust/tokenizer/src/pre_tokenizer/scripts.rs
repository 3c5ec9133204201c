//! Where the script changes, as sentencepiece sees scripts: kana are Han, a space goes with any script,
//! and so does what has none.

use std::ops::Range;

use super::characters::script;

/// Emit the pieces of `text`; characters before the first one with a script are in none of them.
pub(super) fn cut(text: &str, emit: &mut dyn FnMut(Range<usize>)) {
    let mut current: Option<(usize, u8)> = None;
    for (at, character) in text.char_indices() {
        let script = script(character);
        if script == 0 || current.is_some_and(|(_, current)| current == script) {
            continue;
        }
        if let Some((start, _)) = current {
            emit(start..at);
        }
        current = Some((at, script));
    }
    if let Some((start, _)) = current {
        emit(start..text.len());
    }
}
