//! Patterns and texts: matches in order, on characters, found without going through all ways of matching.

use ferrolm_tokenizer::pattern::Pattern;

/// A pattern, a line feed, and the text it is looked for in.
pub fn pattern(data: &[u8]) {
    let data = &data[..data.len().min(4096)];
    let text = String::from_utf8_lossy(data);
    let Some((pattern, text)) = text.split_once('\n') else { return };
    let Ok(pattern) = Pattern::regex(pattern) else { return };
    let mut done = 0;
    // A search that takes too many steps is an error, which is right.
    let _ = pattern.find(text, &mut |range| {
        assert!(done <= range.start && range.start <= range.end, "matches overlap");
        assert!(text.get(range.clone()).is_some(), "a match does not start and end between characters");
        done = range.end;
    });
}
