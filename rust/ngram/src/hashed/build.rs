//! From the plain layout to the hashed one, and back.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use super::table::{Bucket, Entry, FREE, Table};
use super::{Hashed, NO_CONTEXT, Unigram, context_of, key, word_of};
use crate::arrays::Arrays;
use crate::error::Result;
use crate::layout::{Layout, Trie};
use crate::model::{Gram, Node};
use crate::unsafe_array::Array;
use crate::vocabulary::Vocabulary;

impl Hashed {
    pub fn of(arrays: &Arrays, cancel: &Cancel) -> Result<Self> {
        let order = arrays.grams.len();
        let unigrams = arrays.grams[0].iter().enumerate().map(|(place, gram)| {
            let backoff = if order > 1 { weight(arrays, 1, place) } else { NO_CONTEXT };
            Unigram { log10: gram.log10, backoff }
        });
        let mut hashed = Self { unigrams: unigrams.collect(), middle: Vec::new(), top: None };
        // Of the n-grams of the order below, by place, their slots.
        let mut below: Vec<u32> = (0..hashed.unigrams.len() as u32).collect();
        for k in 2..order {
            let contexts = contexts(arrays, k, &below);
            let entry = |place: usize| {
                let (Gram { word, log10 }, node) = (arrays.grams[k - 1][place], arrays.nodes[k - 1][place]);
                let suffix = below[node.suffix as usize];
                Entry { key: key(contexts[place], word), log10, backoff: weight(arrays, k, place), suffix }
            };
            let (table, slots) = Table::of(arrays.grams[k - 1].len(), entry, cancel)?;
            hashed.middle.push(table);
            below = slots;
        }
        if order > 1 {
            let contexts = contexts(arrays, order, &below);
            let entry = |place: usize| {
                let Gram { word, log10 } = arrays.grams[order - 1][place];
                Entry { key: key(contexts[place], word), log10, ..Entry::default() }
            };
            hashed.top = Some(Table::of(arrays.grams[order - 1].len(), entry, cancel)?.0);
        }
        Ok(hashed)
    }

    /// The same model in the plain layout.
    pub fn expand(&self, vocabulary: &Vocabulary, cancel: &Cancel) -> Result<Arrays> {
        let (order, words) = (self.order(), 0..self.unigrams.len() as u32);
        let unigrams = words.clone().zip(&*self.unigrams);
        let mut arrays = Arrays {
            grams: vec![unigrams.map(|(word, unigram)| Gram { word, log10: unigram.log10 }).collect()],
            nodes: Vec::new(),
            links: Array::default(),
        };
        let mut below = Level {
            slots: words.clone().collect(),
            places: words.clone().collect(),
            suffixes: words.map(|_| 0).collect(),
        };
        for k in 2..=order {
            cancel.check()?;
            let rows = match self.top(k) {
                Some(top) => sorted(top, &below.places),
                None => sorted(&self.middle[k - 2], &below.places),
            };
            let grams =
                rows.par_iter().map(|row| Gram { word: row.word, log10: self.log10(k, row.slot as usize) });
            arrays.grams.push(grams.collect::<Vec<_>>().into());
            arrays.nodes.push(self.nodes(k - 1, &below, &rows).into());
            if k < order {
                below = self.level(k, &rows, &below);
            }
        }
        if order > 1 {
            arrays.links = arrays.find_links(vocabulary, cancel)?.into();
        }
        Ok(arrays)
    }

    fn level(&self, k: usize, rows: &[Row], below: &Level) -> Level {
        let mut places = vec![0; self.middle[k - 2].slots()];
        for (place, row) in (0..).zip(rows) {
            places[row.slot as usize] = place;
        }
        let suffix = |row: &Row| below.places[self.suffix(k, row.slot) as usize];
        Level {
            slots: rows.iter().map(|row| row.slot).collect(),
            places,
            suffixes: rows.iter().map(suffix).collect(),
        }
    }

    /// The n-grams of order `k` as contexts of `rows`.
    fn nodes(&self, k: usize, level: &Level, rows: &[Row]) -> Vec<Node> {
        let mut children = 0;
        let slots = level.slots.iter().zip(&level.suffixes);
        let nodes = (0..).zip(slots).map(|(place, (&slot, &suffix))| {
            // The sign of what is no context is left out.
            let node = Node { backoff: self.backoff(k, slot) + 0.0, suffix, children: children as u32 };
            children += rows[children..].iter().take_while(|row| row.context == place).count();
            node
        });
        let mut nodes: Vec<Node> = nodes.collect();
        nodes.push(Node { backoff: 0.0, suffix: 0, children: rows.len() as u32 });
        nodes
    }
}

/// The slot of each n-gram's context, of the n-grams of order `k`; `slots` are those of the order below.
fn contexts(arrays: &Arrays, k: usize, slots: &[u32]) -> Vec<u32> {
    let mut contexts = Vec::with_capacity(arrays.grams[k - 1].len());
    for (pair, &slot) in arrays.nodes[k - 2].windows(2).zip(slots) {
        contexts.resize(pair[1].children as usize, slot);
    }
    contexts
}

/// The back-off weight of an n-gram of order `k`, which tells whether it is a context.
fn weight(arrays: &Arrays, k: usize, place: usize) -> f32 {
    let place = place as u32;
    // A zero of its own sign says that there is nothing.
    if arrays.is_context(k, place) { Trie::backoff(arrays, k, place) + 0.0 } else { NO_CONTEXT }
}

/// The n-grams of an order below the top, by their places in the plain layout.
struct Level {
    slots: Vec<u32>,
    /// By slot.
    places: Vec<u32>,
    /// Places of the order below.
    suffixes: Vec<u32>,
}

/// An n-gram: the place of its context, its last word, its slot.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    context: u32,
    word: u32,
    slot: u32,
}

/// The n-grams of a table in the order of the plain layout; `places` are those of the order below, by slot.
fn sorted<B: Bucket>(table: &Table<B>, places: &[u32]) -> Vec<Row> {
    let rows = table.buckets.par_iter().enumerate().flat_map_iter(|(bucket, held)| {
        let taken = held.keys().iter().enumerate().filter(|&(_, &key)| key != FREE);
        taken.map(move |(way, &key)| Row {
            context: places[context_of(key) as usize],
            word: word_of(key),
            slot: (bucket * B::WAYS + way) as u32,
        })
    });
    let mut rows: Vec<Row> = rows.collect();
    rows.par_sort_unstable();
    rows
}
