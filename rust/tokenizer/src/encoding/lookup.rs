//! From tokens to words, characters and sequences, and back.

use std::ops::Range;

use super::Encoding;

impl Encoding {
    pub fn n_sequences(&self) -> usize {
        self.sequence_ranges.len().max(1)
    }

    /// The sequence of each token; none for special and padding tokens.
    pub fn sequence_ids(&self) -> Vec<Option<usize>> {
        let mut ids = vec![None; self.len()];
        for sequence in 0..self.n_sequences() {
            if let Some(covered) = ids.get_mut(self.sequence_range(sequence)) {
                covered.fill(Some(sequence));
            }
        }
        ids
    }

    fn sequence_range(&self, sequence: usize) -> Range<usize> {
        self.sequence_ranges.get(&sequence).cloned().unwrap_or(0..self.len())
    }

    pub fn token_to_sequence(&self, token: usize) -> Option<usize> {
        if token > self.len() {
            return None;
        }
        if self.sequence_ranges.is_empty() {
            return Some(0);
        }
        self.sequence_ranges.iter().find(|(_, range)| range.contains(&token)).map(|(&id, _)| id)
    }

    /// The range of tokens of a word.
    pub fn word_to_tokens(&self, word: u32, sequence: usize) -> Option<(usize, usize)> {
        let range = self.sequence_range(sequence);
        let words = self.words.get(range.clone())?;
        // Words ascend within a sequence; tokens without a word may stand between.
        let upto = words.iter().take_while(|&&found| found <= Some(word)).count();
        let start = words[..upto].iter().position(|&found| found == Some(word))?;
        let end = words[..upto].iter().rposition(|&found| found == Some(word))?;
        Some((range.start + start, range.start + end + 1))
    }

    /// The range of characters of a word.
    pub fn word_to_chars(&self, word: u32, sequence: usize) -> Option<(usize, usize)> {
        let (start, end) = self.word_to_tokens(word, sequence)?;
        Some((self.offsets.get(start)?.0, self.offsets.get(end.checked_sub(1)?)?.1))
    }

    /// The range of characters of a token.
    pub fn token_to_chars(&self, token: usize) -> Option<(usize, usize)> {
        self.token_to_sequence(token)?;
        self.offsets.get(token).copied()
    }

    pub fn token_to_word(&self, token: usize) -> Option<u32> {
        self.token_to_sequence(token)?;
        self.words.get(token).copied().flatten()
    }

    /// The first token that covers the character at `position`.
    pub fn char_to_token(&self, position: usize, sequence: usize) -> Option<usize> {
        let range = self.sequence_range(sequence);
        let offsets = self.offsets.get(range.clone())?;
        let found = offsets.iter().position(|&(start, end)| (start..end).contains(&position))?;
        Some(range.start + found)
    }

    pub fn char_to_word(&self, position: usize, sequence: usize) -> Option<u32> {
        self.token_to_word(self.char_to_token(position, sequence)?)
    }
}
