//! The characters that words may be made of.

use super::BpeOptions;
use crate::byte_level::BYTE_TO_CHAR;

/// The alphabet in the order of its ids: by code point.
///
/// All characters of the text and of `initial_alphabet`, or the `limit_alphabet` most frequent of them, those of
/// `initial_alphabet` first. Of equally frequent ones the larger code points are left out.
pub(super) fn alphabet(words: &[(&[u8], u64)], options: &BpeOptions) -> Vec<char> {
    let mut counts = [0u64; 256];
    for (word, count) in words {
        for &byte in *word {
            counts[usize::from(byte)] += count;
        }
    }
    let seen = counts.iter().zip(BYTE_TO_CHAR).filter(|(count, _)| **count > 0);
    let mut characters: Vec<(u64, char)> = seen.map(|(&count, character)| (count, character)).collect();
    for &wanted in &options.initial_alphabet {
        match characters.iter_mut().find(|(_, character)| *character == wanted) {
            Some(entry) => entry.0 = u64::MAX,
            None => characters.push((u64::MAX, wanted)),
        }
    }
    if let Some(limit) = options.limit_alphabet {
        characters.sort_unstable_by_key(|&(count, character)| (std::cmp::Reverse(count), character));
        characters.truncate(limit);
    }
    let mut alphabet: Vec<char> = characters.into_iter().map(|(_, character)| character).collect();
    alphabet.sort_unstable();
    alphabet
}
