//! Repeated lines, paragraphs and word n-grams: table A1 of Rae et al. 2021.
//!
//! An n-gram that occurs twice begins with an (n-1)-gram that occurs twice. So each order looks only at places that
//! the order before found repeated; text without repetition costs little more than numbering its words.

use crate::hash::{IdTable, fold, hash64, process_seed};
use crate::quality::characters;

/// Orders of which the most frequent n-gram counts.
pub const TOP: [usize; 3] = [2, 3, 4];
/// Orders of which all repeats count.
pub const DUPLICATE: [usize; 6] = [5, 6, 7, 8, 9, 10];

/// How many of the pieces came before, and how many characters these have.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Repeats {
    pub pieces: usize,
    pub repeated: usize,
    pub characters: usize,
}

/// Repeats among pieces of a text.
pub fn repeats<'t>(pieces: impl Iterator<Item = &'t str>, at_most: usize) -> Repeats {
    let mut table = IdTable::new(at_most);
    let mut found = Repeats::default();
    for piece in pieces {
        let known = table.len();
        found.pieces += 1;
        if (table.id(hash64(piece.as_bytes(), process_seed())) as usize) < known {
            found.repeated += 1;
            found.characters += characters(piece);
        }
    }
    found
}

/// The words of a document: a hash of each, and where it ends if all words are written without spaces, in characters.
#[derive(Debug, Default)]
pub struct Words {
    pub hashes: Vec<u64>,
    pub ends: Vec<u32>,
}

impl Words {
    pub fn push(&mut self, word: &str, characters: usize) {
        let end = self.ends.last().copied().unwrap_or(0);
        self.hashes.push(hash64(word.as_bytes(), process_seed()));
        self.ends.push(end.saturating_add(characters as u32));
    }

    /// Characters of the `n` words from `start` on.
    fn length(&self, start: usize, n: usize) -> usize {
        let end =
            |count: usize| count.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0);
        end(start + n).saturating_sub(end(start)) as usize
    }

    /// Characters in the most frequent n-grams of [`TOP`], with the spaces between their words, and in all repeats of
    /// the orders of [`DUPLICATE`].
    pub fn repetition(&self) -> ([usize; 3], [usize; 6]) {
        let (mut top, mut duplicate) = ([0; 3], [0; 6]);
        let mut places = self.repeated_words();
        for n in 2..=DUPLICATE[5] {
            if places.is_empty() {
                break;
            }
            places = self.longer(&places, n);
            if let Some(order) = TOP.iter().position(|&order| order == n) {
                top[order] = self.top(&places, n);
            }
            if let Some(order) = DUPLICATE.iter().position(|&order| order == n) {
                duplicate[order] = self.duplicate(&places, n);
            }
        }
        (top, duplicate)
    }

    fn repeated_words(&self) -> Vec<Place> {
        let mut table = IdTable::new(self.hashes.len());
        let places = self.hashes.iter().enumerate();
        let places = places.map(|(start, &hash)| Place { start: start as u32, id: table.id(hash) }).collect();
        repeated(places, table.len())
    }

    /// The n-grams that occur more than once, of the (n-1)-grams that do.
    fn longer(&self, places: &[Place], n: usize) -> Vec<Place> {
        let mut table = IdTable::new(places.len());
        let longer = places.iter().filter_map(|place| {
            let last = self.hashes.get(place.start as usize + n - 1)?;
            let id = table.id(fold(*last ^ process_seed(), u64::from(place.id) << 1 | 1));
            Some(Place { start: place.start, id })
        });
        let longer = longer.collect();
        repeated(longer, table.len())
    }

    /// The most frequent, and of equally frequent ones the first.
    fn top(&self, places: &[Place], n: usize) -> usize {
        let counts = counts(places);
        let best = (0..counts.len()).rev().max_by_key(|&id| counts[id]);
        let first = best.and_then(|best| places.iter().find(|place| place.id as usize == best));
        first.map_or(0, |place| {
            (self.length(place.start as usize, n) + n - 1) * counts[place.id as usize] as usize
        })
    }

    /// From left to right; a repeat is stepped over as a whole, so that no character counts twice.
    fn duplicate(&self, places: &[Place], n: usize) -> usize {
        let mut seen = vec![false; places.iter().map(|place| place.id as usize + 1).max().unwrap_or(0)];
        let (mut next, mut characters) = (0, 0);
        for place in places {
            let start = place.start as usize;
            if start < next {
                continue;
            }
            if std::mem::replace(&mut seen[place.id as usize], true) {
                characters += self.length(start, n);
                next = start + n;
            }
        }
        characters
    }
}

/// Where an n-gram starts, and its number among those of its length.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: u32,
    id: u32,
}

fn counts(places: &[Place]) -> Vec<u32> {
    let ids = places.iter().map(|place| place.id as usize + 1).max().unwrap_or(0);
    let mut counts = vec![0; ids];
    for place in places {
        counts[place.id as usize] += 1;
    }
    counts
}

fn repeated(mut places: Vec<Place>, ids: usize) -> Vec<Place> {
    if ids == places.len() {
        return Vec::new();
    }
    let counts = counts(&places);
    places.retain(|place| counts[place.id as usize] > 1);
    places
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use proptest::prelude::*;

    use super::*;

    fn of(words: &[&str]) -> Words {
        let mut list = Words::default();
        for word in words {
            list.push(word, word.chars().count());
        }
        list
    }

    fn plain_top(words: &[&str], n: usize) -> usize {
        let mut counts: HashMap<&[&str], usize> = HashMap::new();
        words.windows(n).for_each(|gram| *counts.entry(gram).or_default() += 1);
        let most = counts.values().copied().max().unwrap_or(0);
        let first = words.windows(n).find(|gram| counts[gram] == most && most > 1);
        first.map_or(0, |gram| most * gram.join(" ").chars().count())
    }

    fn plain_duplicate(words: &[&str], n: usize) -> usize {
        let (mut seen, mut start, mut characters) = (HashSet::new(), 0, 0);
        while start + n <= words.len() {
            let gram = &words[start..start + n];
            if seen.insert(gram) {
                start += 1;
            } else {
                characters += gram.concat().chars().count();
                start += n;
            }
        }
        characters
    }

    proptest! {
        #[test]
        fn ngrams_are_those_of_the_plain_twin(
            words in prop::collection::vec(prop::sample::select(vec!["a", "bb", "ccc", "über"]), 0..80)
        ) {
            let (top, duplicate) = of(&words).repetition();
            prop_assert_eq!(top.to_vec(), TOP.map(|n| plain_top(&words, n)).to_vec());
            prop_assert_eq!(duplicate.to_vec(), DUPLICATE.map(|n| plain_duplicate(&words, n)).to_vec());
        }
    }

    #[test]
    fn pieces_count_from_their_second_occurrence_on() {
        let found = repeats(["ab", "c", "ab", "ab", "é"].into_iter(), 5);
        assert_eq!(found, Repeats { pieces: 5, repeated: 2, characters: 4 });
    }
}
