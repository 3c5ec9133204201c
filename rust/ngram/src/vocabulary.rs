//! The numbers of a model's words.
//!
//! Users see one numbering (words: `<unk>`, `<s>`, `</s>`, then words as they first appear; ids: the ids, then
//! `<unk>`, `<s>`, `</s>`). Inside, numbers are spread evenly over `0..size` by a multiplication modulo the size:
//! the continuations of an n-gram are kept in that order, and a search by interpolation needs an even spread.

use crate::corpus::Markers;
use crate::error::{NgramError, Result};
use crate::words::WordTable;

pub const UNK: &str = "<unk>";
pub const BOS: &str = "<s>";
pub const EOS: &str = "</s>";

/// The largest vocabulary of token ids; larger ones are mistakes.
pub const MAX_IDS: u32 = 1 << 26;

#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// `None` for a model over ids.
    words: Option<WordTable>,
    size: u32,
    unk: u32,
    bos: u32,
    eos: u32,
    /// From the users' numbers to ours; pruned words have that of `<unk>`.
    inner: Vec<u32>,
    /// From our numbers to the users'.
    outer: Vec<u32>,
}

impl Vocabulary {
    /// A vocabulary of the three special words, to which a text adds its own.
    pub fn special_words() -> WordTable {
        let mut words = WordTable::new();
        for special in [UNK, BOS, EOS] {
            words.insert(special);
        }
        words
    }

    /// The words of a table that has the three special ones.
    pub fn of_words(words: WordTable) -> Result<Self> {
        let find = |word: &str| {
            let missing = || NgramError::InvalidArgument(format!("the vocabulary has no {word}"));
            words.get(word).ok_or_else(missing)
        };
        let (unk, bos, eos) = (find(UNK)?, find(BOS)?, find(EOS)?);
        let size = words.len() as u32;
        Ok(Self::spread(Some(words), size, unk, bos, eos))
    }

    /// Ids below `ids`, followed by the three special numbers.
    pub fn of_ids(ids: u32) -> Result<Self> {
        if ids > MAX_IDS {
            return Err(NgramError::Limit(format!("vocab_size is {ids}, more than the {MAX_IDS} allowed")));
        }
        Ok(Self::spread(None, ids + 3, ids, ids + 1, ids + 2))
    }

    fn spread(words: Option<WordTable>, size: u32, unk: u32, bos: u32, eos: u32) -> Self {
        // Near the golden ratio, runs of small numbers (the frequent words) are spread most evenly.
        let mut step = (f64::from(size) * 0.618_033_988_75) as u64;
        while gcd(step.max(1), u64::from(size)) != 1 {
            step += 1;
        }
        let step = step.max(1);
        let inner: Vec<u32> = (0..u64::from(size)).map(|n| (n * step % u64::from(size)) as u32).collect();
        let mut outer = vec![0; inner.len()];
        for (number, &inner) in (0..).zip(&inner) {
            outer[inner as usize] = number;
        }
        Self { words, size, unk, bos, eos, inner, outer }
    }

    /// How many numbers there are, with the special ones.
    pub fn size(&self) -> u32 {
        self.size
    }

    pub fn is_ids(&self) -> bool {
        self.words.is_none()
    }

    pub fn words(&self) -> Option<&WordTable> {
        self.words.as_ref()
    }

    pub fn unk(&self) -> u32 {
        self.unk
    }

    pub fn bos(&self) -> u32 {
        self.bos
    }

    pub fn eos(&self) -> u32 {
        self.eos
    }

    /// The word with the user's number `number`, as text: an id is its decimal digits.
    pub fn text(&self, number: u32) -> std::borrow::Cow<'_, str> {
        match &self.words {
            Some(words) => words.word(number).into(),
            None if number == self.unk => UNK.into(),
            None if number == self.bos => BOS.into(),
            None if number == self.eos => EOS.into(),
            None => number.to_string().into(),
        }
    }

    /// The user's number of a word; `None` if it is not known.
    pub fn number(&self, word: &str) -> Option<u32> {
        let Some(words) = &self.words else { return self.id(word) };
        words.get(word).or_else(|| (word == "<UNK>").then_some(self.unk))
    }

    fn id(&self, word: &str) -> Option<u32> {
        match word {
            UNK => Some(self.unk),
            BOS => Some(self.bos),
            EOS => Some(self.eos),
            _ => word.parse().ok().filter(|&id| id < self.unk),
        }
    }

    /// Our number for the user's; that of `<unk>` if there is no such number.
    #[inline]
    pub fn inner(&self, number: u32) -> u32 {
        self.inner.get(number as usize).copied().unwrap_or(self.inner[self.unk as usize])
    }

    /// Our number of a word; that of `<unk>` if it is not known.
    #[inline]
    pub fn inner_of(&self, word: &str) -> u32 {
        self.inner(self.number(word).unwrap_or(self.unk))
    }

    /// Our numbers of words, as [`Vocabulary::inner_of`] gives them one by one.
    pub fn inner_of_all(&self, words: &[&str]) -> Vec<u32> {
        let Some(table) = &self.words else { return words.iter().map(|word| self.inner_of(word)).collect() };
        let numbers = table.get_all(words).zip(words);
        // A word that is not in the table may still have a number.
        numbers
            .map(|(number, word)| number.map_or_else(|| self.inner_of(word), |number| self.inner(number)))
            .collect()
    }

    /// The user's number for ours.
    #[inline]
    pub fn outer(&self, inner: u32) -> u32 {
        self.outer[inner as usize]
    }

    pub fn inner_unk(&self) -> u32 {
        self.inner[self.unk as usize]
    }

    pub fn inner_markers(&self) -> Markers {
        Markers { begin: self.inner[self.bos as usize], end: self.inner[self.eos as usize] }
    }

    /// All our numbers, by the user's.
    pub fn inners(&self) -> &[u32] {
        &self.inner
    }

    /// Whether the user's number stands for a word of the model, not for a pruned one.
    pub fn is_kept(&self, number: u32) -> bool {
        number == self.unk || self.inner.get(number as usize).is_some_and(|&inner| inner != self.inner_unk())
    }

    /// From now on the user's number `number` is an unknown word.
    pub(crate) fn prune(&mut self, number: u32) {
        self.inner[number as usize] = self.inner[self.unk as usize];
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_and_outer_are_inverse_and_the_frequent_are_spread() {
        let vocabulary = Vocabulary::of_ids(997).unwrap();
        assert!((0..1000).all(|number| vocabulary.outer(vocabulary.inner(number)) == number));
        let mut first: Vec<u32> = (0..10).map(|number| vocabulary.inner(number)).collect();
        first.sort_unstable();
        assert!(first.windows(2).all(|pair| pair[1] - pair[0] > 40), "{first:?}");
        assert_eq!(vocabulary.inner(u32::MAX), vocabulary.inner_unk());
    }

    #[test]
    fn ids_read_as_their_digits() {
        let vocabulary = Vocabulary::of_ids(10).unwrap();
        assert_eq!(
            (vocabulary.number("7"), vocabulary.number("10"), vocabulary.number("</s>")),
            (Some(7), None, Some(12))
        );
        assert_eq!(vocabulary.text(12), "</s>");
    }

    #[test]
    fn the_smallest_vocabulary_works() {
        let vocabulary = Vocabulary::of_ids(0).unwrap();
        assert_eq!(vocabulary.size(), 3);
        assert_eq!(vocabulary.outer(vocabulary.inner(2)), 2);
    }
}
