//! Whether normalized text starts where the text does, which is what Metaspace asks that puts its character first.

use crate::normalized::NormalizedString;
use crate::normalizer::Normalizer;
use crate::pattern::Source;

/// The start of a text is looked at up to so many bytes.
const LONGEST: usize = 1024;

/// Whether the first character of the normalized text comes from the first of `text`; none if only normalizing all of
/// it can tell.
pub(super) fn keeps_start(normalizer: &Normalizer, text: &str) -> Option<bool> {
    if !is_local(normalizer) {
        return None;
    }
    let plain = |bytes: &[u8]| bytes.iter().take(2).all(u8::is_ascii_alphanumeric);
    if !text.is_empty() && plain(text.as_bytes()) {
        return Some(true);
    }
    let blank = text.len() - text.trim_start().len();
    let word = text[blank..].find(|character: char| character.is_ascii_whitespace());
    let end = word.map_or(text.len(), |word| blank + word);
    let mut start = NormalizedString::new(text.get(..end).filter(|start| start.len() <= LONGEST)?);
    normalizer.normalize(&mut start).ok()?;
    let whole = start.slice(0..start.len());
    (!whole.is_empty()).then(|| whole.original_range().start == 0)
}

/// What becomes of a word depends on it alone, and its first letters or digits stay at the start.
fn is_local(normalizer: &Normalizer) -> bool {
    match normalizer {
        Normalizer::Sequence(parts) => parts.iter().all(is_local),
        Normalizer::Replace(replace) => match replace.pattern.source() {
            Source::Regex(pattern) => pattern == " {2,}",
            Source::Literal(pattern) => {
                let own = |character: char| character.is_alphanumeric() || character.is_whitespace();
                !pattern.is_empty() && !pattern.contains(own)
            }
        },
        Normalizer::Prepend(_) | Normalizer::ByteLevel | Normalizer::Custom(_) => false,
        _ => true,
    }
}
