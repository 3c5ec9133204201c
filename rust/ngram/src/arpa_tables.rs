//! N-grams in any order, as an ARPA file has them, to a model.

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::layout::{guess, search};
use crate::model::{Gram, Model, Node};
use crate::vocabulary::Vocabulary;

/// The n-grams of one order from 2 on.
#[derive(Debug, Default)]
struct Table {
    /// The words of each, one n-gram after the other.
    words: Vec<u32>,
    /// log10 probability and back-off weight of each; the probability of a blank is not a number until it is known.
    values: Vec<(f32, f32)>,
}

/// All n-grams of a file.
pub(crate) struct Tables {
    unigrams: Vec<(f32, f32)>,
    above: Vec<Table>,
}

impl Table {
    fn sort(&mut self, k: usize) {
        let words = |index: &u32| &self.words[*index as usize * k..(*index as usize + 1) * k];
        let mut order: Vec<u32> = (0..self.values.len() as u32).collect();
        order.par_sort_unstable_by(|a, b| words(a).cmp(words(b)));
        let sorted = order.iter().flat_map(|index| words(index).iter().copied()).collect();
        self.values = order.iter().map(|&index| self.values[index as usize]).collect();
        self.words = sorted;
    }

    fn contains(&self, words: &[u32]) -> bool {
        let k = words.len();
        let (mut low, mut high) = (0, self.values.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if &self.words[middle * k..(middle + 1) * k] < words { low = middle + 1 } else { high = middle }
        }
        self.words.get(low * k..(low + 1) * k) == Some(words)
    }
}

impl Tables {
    pub fn new(order: usize, words: usize) -> Self {
        Self {
            unigrams: vec![(f32::NEG_INFINITY, 0.0); words],
            above: (1..order).map(|_| Table::default()).collect(),
        }
    }

    pub fn order(&self) -> usize {
        self.above.len() + 1
    }

    pub fn unigram(&mut self, word: u32, log10: f32, backoff: f32) {
        self.unigrams[word as usize] = (log10, backoff);
    }

    pub fn push(&mut self, words: &[u32], log10: f32, backoff: f32) {
        let table = &mut self.above[words.len() - 2];
        table.words.extend_from_slice(words);
        table.values.push((log10, backoff));
    }

    /// Sort and link; n-grams given twice are errors.
    pub fn into_model(mut self, vocabulary: Vocabulary) -> Result<Model, String> {
        self.sort();
        let mut linked = self.link(&vocabulary)?;
        if !linked.missing.is_empty() {
            // Some tools prune "b c" but keep "a b c": as KenLM does, put in "b c" with the probability it has anyway.
            // Others leave out the context "a b": it then has no back-off weight either, as SRILM reads it.
            self.add(&linked.missing);
            self.sort();
            linked = self.link(&vocabulary)?;
        }
        linked.fill_blanks();
        Ok(Model::new(vocabulary, linked.grams, linked.nodes, linked.links))
    }

    fn sort(&mut self) {
        for (k, table) in (2..).zip(&mut self.above) {
            table.sort(k);
        }
    }

    /// Add the blanks `missing` and the n-grams inside them that are missing as well.
    fn add(&mut self, missing: &[Vec<u32>]) {
        let mut blanks = BTreeSet::new();
        for words in missing {
            let parts = (2..=words.len()).flat_map(|length| words.windows(length));
            blanks.extend(parts.filter(|part| !self.above[part.len() - 2].contains(part)));
        }
        for words in blanks {
            self.push(words, f32::NAN, 0.0);
        }
    }

    fn link(&self, vocabulary: &Vocabulary) -> Result<Linked, String> {
        let node = |&(_, backoff): &(f32, f32)| Node { backoff, suffix: 0, children: 0 };
        let gram = |(word, &(log10, _)): (u32, &(f32, f32))| Gram { word, log10 };
        let mut linked = Linked {
            grams: vec![(0..).zip(&self.unigrams).map(gram).collect()],
            nodes: vec![self.unigrams.iter().map(node).collect()],
            links: Vec::new(),
            missing: Vec::new(),
        };
        for (k, table) in (2..).zip(&self.above) {
            linked.add_order(k, table, vocabulary)?;
        }
        let top = linked.nodes.pop().unwrap_or_default();
        // Words have no suffix.
        linked.links =
            if linked.grams.len() > 1 { top.iter().map(|node| node.suffix).collect() } else { Vec::new() };
        let ends: Vec<u32> = linked.grams[1..].iter().map(|grams| grams.len() as u32).collect();
        for (nodes, children) in linked.nodes.iter_mut().zip(ends) {
            nodes.push(Node { backoff: 0.0, suffix: 0, children });
        }
        Ok(linked)
    }
}

struct Linked {
    grams: Vec<Vec<Gram>>,
    nodes: Vec<Vec<Node>>,
    links: Vec<u32>,
    /// Contexts and suffixes of n-grams that are not there.
    missing: Vec<Vec<u32>>,
}

impl Linked {
    /// Link the sorted n-grams of order `k` to their contexts (a merge) and their suffixes.
    fn add_order(&mut self, k: usize, table: &Table, vocabulary: &Vocabulary) -> Result<(), String> {
        let mut grams = Vec::with_capacity(table.values.len());
        let mut nodes = Vec::with_capacity(table.values.len());
        let mut context = None;
        // Where the children of the contexts up to here have been written.
        let mut written = 0;
        let mut last: &[u32] = &[];
        for (index, words) in table.words.chunks_exact(k).enumerate() {
            if words == last {
                return Err(format!("the {k}-gram {:?} is listed twice", text(words, vocabulary)));
            }
            if index == 0 || last[..k - 1] != words[..k - 1] {
                context = self.place(&words[..k - 1], vocabulary);
                match context {
                    Some(place) => {
                        for node in &mut self.nodes[k - 2][written..=place] {
                            node.children = index as u32;
                        }
                        written = place + 1;
                    }
                    None => self.missing.push(words[..k - 1].to_vec()),
                }
            }
            last = words;
            // Without its context an n-gram has to wait for the second round, which is the last: now or never for its suffix.
            let Some(place) = context else {
                if self.place(&words[1..], vocabulary).is_none() {
                    self.missing.push(words[1..].to_vec());
                }
                continue;
            };
            let suffix = self.suffix(k, place, words, vocabulary);
            if suffix.is_none() {
                self.missing.push(words[1..].to_vec());
            }
            let (log10, backoff) = table.values[index];
            grams.push(Gram { word: words[k - 1], log10 });
            nodes.push(Node { backoff, suffix: suffix.unwrap_or(0), children: 0 });
        }
        for node in &mut self.nodes[k - 2][written..] {
            node.children = grams.len() as u32;
        }
        self.grams.push(grams);
        self.nodes.push(nodes);
        Ok(())
    }

    /// The place of the n-gram `words` in its order.
    fn place(&self, words: &[u32], vocabulary: &Vocabulary) -> Option<usize> {
        let mut place = words[0] as usize;
        for (level, &word) in words.iter().enumerate().skip(1) {
            place = self.child(level, place, word, vocabulary)?;
        }
        Some(place)
    }

    /// The place of `words[1..]`: below the suffix of the context.
    fn suffix(&self, k: usize, context: usize, words: &[u32], vocabulary: &Vocabulary) -> Option<u32> {
        if k == 2 {
            return Some(words[1]);
        }
        // Once something is missing, the suffix of the context is no longer to be relied on.
        let place = if self.missing.is_empty() {
            self.child(k - 2, self.nodes[k - 2][context].suffix as usize, words[k - 1], vocabulary)
        } else {
            self.place(&words[1..], vocabulary)
        };
        place.map(|place| place as u32)
    }

    /// The continuation `word` of the n-gram at `place` of order `level`.
    fn child(&self, level: usize, place: usize, word: u32, vocabulary: &Vocabulary) -> Option<usize> {
        let nodes = &self.nodes[level - 1];
        let end = nodes.get(place + 1).map_or(self.grams[level].len(), |node| node.children as usize);
        let start = nodes[place].children as usize;
        let grams = self.grams[level].get(start..end)?;
        let first = guess(grams.len(), word, vocabulary.size());
        let found = search(|place| grams[place].word, grams.len(), word, first)?;
        Some(start + found)
    }

    /// A blank has the probability that backing off gives it.
    fn fill_blanks(&mut self) {
        for k in 2..=self.grams.len() {
            for index in 0..self.grams[k - 1].len() {
                if !self.grams[k - 1][index].log10.is_nan() {
                    continue;
                }
                let context = self.nodes[k - 2].partition_point(|node| node.children as usize <= index) - 1;
                let suffix =
                    self.nodes.get(k - 1).map_or_else(|| self.links[index], |nodes| nodes[index].suffix);
                self.grams[k - 1][index].log10 =
                    self.nodes[k - 2][context].backoff + self.grams[k - 2][suffix as usize].log10;
            }
        }
    }
}

fn text(words: &[u32], vocabulary: &Vocabulary) -> String {
    let words: Vec<_> = words.iter().map(|&word| vocabulary.text(vocabulary.outer(word))).collect();
    words.join(" ")
}
