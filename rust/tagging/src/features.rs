//! Which features a place in a sentence has: of its word, of two neighbours on each side, of pairs, and of tags.

use crate::attributes::{Attributes, kind};
use crate::hash;

/// What a word adds to the scores of the words around it: itself, the next (it stands before that), the previous, and
/// those two away.
pub(crate) const ROLES: usize = 5;

/// The features that a word has in each of its roles.
pub(crate) fn for_roles(word: &Attributes, mut each: impl FnMut(usize, u32)) {
    word.own.iter().for_each(|&key| each(0, key));
    word.near.iter().for_each(|&key| each(1, hash::of_pair(kind::BEFORE, key, 0)));
    word.near.iter().for_each(|&key| each(2, hash::of_pair(kind::AFTER, key, 0)));
    each(3, hash::of_pair(kind::SECOND_BEFORE, word.lower, 0));
    each(4, hash::of_pair(kind::SECOND_AFTER, word.lower, 0));
}

/// What is known of a word without its string, for features that it has together with others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) lower: u32,
    pub(crate) shape: u32,
}

impl From<&Attributes> for Keys {
    fn from(word: &Attributes) -> Self {
        Self { lower: word.lower, shape: word.shape }
    }
}

/// Features of several words together.
pub(crate) fn pairs(before: Keys, word: Keys, after: Keys) -> [u32; 3] {
    [
        hash::of_pair(kind::PAIR_BEFORE, before.lower, word.lower),
        hash::of_pair(kind::PAIR_AFTER, word.lower, after.lower),
        hash::of_pair(kind::PAIR_AROUND, before.lower, after.lower),
    ]
}

/// The feature of the first word of a sentence, whose capital letter says little.
pub(crate) fn first(word: Keys) -> u32 {
    hash::of_pair(kind::FIRST, word.shape, 0)
}

/// The feature of a word whose predecessor has the tag `before`; the number of tags for the first word.
pub(crate) fn transition(before: usize) -> u32 {
    hash::of_pair(kind::TRANSITION, before as u32, 0)
}
