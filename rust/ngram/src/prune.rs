//! Leaving out n-grams once all probabilities are known: rare ones, and those with words outside the vocabulary.

use std::collections::HashSet;

use crate::levels::Level;
use crate::model::{Gram, Node};
use crate::vocabulary::Vocabulary;

/// Which n-grams are left out.
///
/// Thresholds never fall, and an n-gram occurs at most as often as its context and its suffix; these have no word that it
/// has not. So the context and the suffix of an n-gram that stays also stay.
pub(crate) struct Pruning {
    /// By order: n-grams that occur at most this often go.
    thresholds: Vec<u32>,
    /// By order, whether each n-gram has a word outside the vocabulary; empty without such a limit.
    outside: Vec<Vec<bool>>,
    /// `<unk>`, `<s>` and `</s>` stay.
    special: [usize; 3],
}

impl Pruning {
    /// `only` are the words that may stay, as users write them.
    pub fn new(
        thresholds: Vec<u32>,
        only: Option<&[String]>,
        vocabulary: &Vocabulary,
        levels: &[Level],
    ) -> Self {
        let special = special(vocabulary);
        let outside = only.map_or_else(Vec::new, |only| {
            let mut outside = vec![outside_words(only, vocabulary)];
            for pair in levels.windows(2) {
                outside.push(extended(&outside[0], &outside[outside.len() - 1], &pair[0], &pair[1]));
            }
            outside
        });
        Self { thresholds, outside, special }
    }

    /// Whether the n-gram `index` of level `k` goes.
    #[inline]
    pub fn prunes(&self, levels: &[Level], k: usize, index: usize) -> bool {
        let threshold = self.thresholds[k];
        let rare = threshold > 0
            && levels[k].counts[index] <= threshold
            && (k > 0 || !self.special.contains(&index));
        rare || self.outside.get(k).is_some_and(|outside| outside[index])
    }

    /// The number of words that stay.
    pub fn words(&self, levels: &[Level]) -> usize {
        (0..levels[0].len()).filter(|&word| !self.prunes(levels, 0, word)).count()
    }

    fn acts_on(&self, k: usize) -> bool {
        self.thresholds[k] > 0 || !self.outside.is_empty()
    }
}

/// The inner numbers of `<unk>`, `<s>` and `</s>`.
pub(crate) fn special(vocabulary: &Vocabulary) -> [usize; 3] {
    let markers = vocabulary.inner_markers();
    [vocabulary.inner_unk(), markers.begin, markers.end].map(|inner| inner as usize)
}

/// Whether each word, by its inner number, is none of `only`, as users write them.
pub(crate) fn outside_words(only: &[String], vocabulary: &Vocabulary) -> Vec<bool> {
    let words: HashSet<u32> = only.iter().map(|word| vocabulary.inner_of(word)).collect();
    let special = special(vocabulary);
    (0..vocabulary.size()).map(|word| !words.contains(&word) && !special.contains(&(word as usize))).collect()
}

/// An n-gram is outside if its context or its last word is.
fn extended(words: &[bool], contexts: &[bool], below: &Level, level: &Level) -> Vec<bool> {
    let mut outside = Vec::with_capacity(level.len());
    for (&context, ends) in contexts.iter().zip(below.children.windows(2)) {
        let last = &level.words[ends[0] as usize..ends[1] as usize];
        outside.extend(last.iter().map(|&word| context || words[word as usize]));
    }
    outside
}

/// Make the words unknown that go; `prunes` is asked for inner numbers.
pub(crate) fn words(vocabulary: &mut Vocabulary, prunes: impl Fn(usize) -> bool) {
    for number in 0..vocabulary.size() {
        if prunes(vocabulary.inner(number) as usize) {
            vocabulary.prune(number);
        }
    }
}

/// Drop the n-grams of orders 2 and up that go.
pub(crate) fn grams(
    grams: &mut [Vec<Gram>],
    nodes: &mut [Vec<Node>],
    links: &mut Vec<u32>,
    levels: &[Level],
    pruning: &Pruning,
) {
    for k in (1..grams.len()).filter(|&k| pruning.acts_on(k)) {
        let length = levels[k].len();
        // The nodes have one more entry, for the end.
        let keep = |index: usize| index == length || !pruning.prunes(levels, k, index);
        let places = places(length, keep);
        retain(&mut grams[k], keep);
        for node in &mut nodes[k - 1] {
            node.children = places[node.children as usize];
        }
        match nodes.get_mut(k) {
            Some(nodes) => retain(nodes, keep),
            None => retain(links, keep),
        }
        // The level above still links to this one by the old places.
        match nodes.get_mut(k + 1) {
            Some(above) => above.iter_mut().for_each(|node| node.suffix = places[node.suffix as usize]),
            None if k + 1 < grams.len() => links.iter_mut().for_each(|link| *link = places[*link as usize]),
            None => {}
        }
    }
}

/// Where each n-gram is once the others are gone, and how many stay.
fn places(length: usize, keep: impl Fn(usize) -> bool) -> Vec<u32> {
    let mut next = 0;
    let mut places: Vec<u32> = Vec::with_capacity(length + 1);
    for index in 0..length {
        places.push(next);
        next += u32::from(keep(index));
    }
    places.push(next);
    places
}

fn retain<T>(items: &mut Vec<T>, keep: impl Fn(usize) -> bool) {
    let mut index = 0;
    items.retain(|_| {
        index += 1;
        keep(index - 1)
    });
}
