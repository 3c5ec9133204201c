//! Starts alone, for who has no ids to find.

use super::{BATCH, ByWords, DeepSeek, Gpt2, Pattern, Scanner};
use crate::split::Family;

/// Emit the starts of the pieces of `text`, which must be shorter than 4 GiB, some at a time and ascending.
pub(crate) fn starts<E>(
    text: &str,
    family: Family,
    each: impl FnMut(&[u32]) -> Result<(), E>,
) -> Result<(), E> {
    match family.words() {
        Some(words) if words.cased => emit(text, ByWords::<true>(words), each),
        Some(words) => emit(text, ByWords::<false>(words), each),
        None if family == Family::DeepSeek => emit(text, DeepSeek, each),
        None if family == Family::Gpt2Digits => emit(text, Gpt2::<true>, each),
        None => emit(text, Gpt2::<false>, each),
    }
}

fn emit<P: Pattern, E>(
    text: &str,
    pattern: P,
    mut each: impl FnMut(&[u32]) -> Result<(), E>,
) -> Result<(), E> {
    let mut scanner = Scanner::with_best(text, pattern);
    let mut starts = [0; BATCH];
    loop {
        match scanner.fill(&mut starts) {
            0 => return Ok(()),
            found => each(&starts[..found])?,
        }
    }
}
