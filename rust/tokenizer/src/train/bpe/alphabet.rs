//! The characters that words may be made of.

use std::cmp::Reverse;

use ferrolm_base::{Cancel, Cancelled};

use super::super::Words;
use super::BpeOptions;
use super::vocabulary::Vocabulary;

/// One past the largest code point.
const CODES: usize = 0x11_0000;

/// Ids of the characters by code point; pages of it that no text touches take no memory.
pub(super) struct Alphabet {
    ids: Vec<u32>,
    /// The characters in the order of their ids: by code point.
    pub(super) characters: Vec<char>,
}

const ABSENT: u32 = 0;
/// Words between two looks at the cancel flag.
const POLL: usize = 1 << 14;

impl Alphabet {
    /// All characters of the corpora and of `initial_alphabet`, or the `limit_alphabet` most frequent of them, those of
    /// `initial_alphabet` first. Of equally frequent ones the larger code points are left out.
    pub(super) fn new(
        corpora: &[&Words],
        options: &BpeOptions,
        vocabulary: &mut Vocabulary,
        cancel: &Cancel,
    ) -> Result<Self, Cancelled> {
        let mut counts = vec![0u64; CODES];
        for words in corpora {
            for word in 0..words.len() {
                if word % POLL == 0 {
                    cancel.check()?;
                }
                let count = words.count(word);
                words.characters(word, |character| {
                    let total = &mut counts[character as usize];
                    *total = total.saturating_add(count);
                });
            }
        }
        for &wanted in &options.initial_alphabet {
            counts[wanted as usize] = u64::MAX;
        }
        let characters = ('\0'..=char::MAX).filter(|&character| counts[character as usize] > 0);
        let mut characters: Vec<char> = characters.collect();
        if let Some(limit) = options.limit_alphabet {
            characters.sort_by_key(|&character| Reverse(counts[character as usize]));
            characters.truncate(limit);
            characters.sort_unstable();
        }
        let mut ids = vec![ABSENT; CODES];
        for &character in &characters {
            ids[character as usize] = vocabulary.id_or_insert(character.encode_utf8(&mut [0; 4])) + 1;
        }
        Ok(Self { ids, characters })
    }

    #[inline]
    pub(super) fn id(&self, character: char) -> Option<u32> {
        self.ids[character as usize].checked_sub(1)
    }
}
