//! The different words as numbers: characters by their rank among the characters of the text.

use ferrolm_base::Cancel;

use super::super::{TrainError, Words};

/// Stands between words, and for the character U+0000, which `tokenizers` puts between them.
pub(super) const BOUNDARY: u32 = 0;
/// Words between two looks at the cancel flag.
const POLL: usize = 1 << 14;

/// Words in the order of their bytes, each followed by a boundary.
pub(super) struct Text {
    pub(super) codes: Vec<u32>,
    /// Start of each word, and one past the last boundary.
    starts: Vec<u32>,
    counts: Vec<f64>,
    /// Characters by code, less 1, in the order of their code points.
    pub(super) alphabet: Vec<char>,
    /// The text has the character U+0000.
    pub(super) has_null: bool,
}

impl Text {
    pub(super) fn new(words: &Words, cancel: &Cancel) -> Result<Self, TrainError> {
        // By code point; pages that are not touched take no memory.
        let mut ranks = vec![0u32; char::MAX as usize + 1];
        let mut characters = 0;
        for word in 0..words.len() {
            if word % POLL == 0 {
                cancel.check()?;
            }
            words.characters(word, |character| {
                ranks[character as usize] = 1;
                characters += 1;
            });
        }
        let (what, found, limit) =
            ("characters of different words", characters + words.len(), u32::MAX as usize);
        if found >= limit {
            return Err(TrainError::Limit { what, found, limit });
        }
        let has_null = std::mem::take(&mut ranks[0]) != 0;
        let alphabet: Vec<char> =
            ('\0'..=char::MAX).filter(|&character| ranks[character as usize] != 0).collect();
        for (code, &character) in (1..).zip(&alphabet) {
            ranks[character as usize] = code;
        }
        let mut codes = Vec::with_capacity(found);
        let mut starts = Vec::with_capacity(words.len() + 1);
        let mut counts = Vec::with_capacity(words.len());
        for (at, word) in words.sorted(cancel)?.into_iter().enumerate() {
            if at % POLL == 0 {
                cancel.check()?;
            }
            starts.push(codes.len() as u32);
            counts.push(words.count(word as usize) as f64);
            words.characters(word as usize, |character| codes.push(ranks[character as usize]));
            codes.push(BOUNDARY);
        }
        starts.push(codes.len() as u32);
        Ok(Self { codes, starts, counts, alphabet, has_null })
    }

    /// Number of words.
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    pub(super) fn word(&self, word: usize) -> &[u32] {
        &self.codes[self.starts[word] as usize..self.starts[word + 1] as usize - 1]
    }

    pub(super) fn count(&self, word: usize) -> f64 {
        self.counts[word]
    }

    /// Cut the words into at most `parts` stretches of about as many characters.
    pub(super) fn parts(&self, parts: usize) -> Vec<std::ops::Range<usize>> {
        let size = (self.codes.len() / parts).max(1) as u32;
        let mut cut = vec![0];
        for part in 1..parts as u32 {
            let at = self.starts[..self.len()].partition_point(|&start| start < size * part);
            cut.push(at);
        }
        cut.push(self.len());
        cut.windows(2).map(|two| two[0]..two[1]).filter(|part| !part.is_empty()).collect()
    }

    pub(super) fn spell(&self, codes: &[u32]) -> String {
        let character = |&code: &u32| self.alphabet.get((code as usize).wrapping_sub(1));
        codes.iter().filter_map(character).collect()
    }
}
