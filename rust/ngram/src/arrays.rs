//! The plain layout: n-grams as arrays, each with a link to its suffix.

use std::ops::Range;

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::error::Result;
use crate::layout::Trie;
use crate::model::{Gram, Node};
use crate::unsafe_array::Array;
use crate::unsafe_memory::prefetch;
use crate::view::View;
use crate::vocabulary::Vocabulary;

/// Contexts that one worker links between two looks at the cancel flag.
const GROUP: usize = 1 << 14;

#[derive(Clone)]
pub(crate) struct Arrays {
    /// By order from 1 on.
    pub grams: Vec<Array<Gram>>,
    /// By order from 1 to the one below the top; one more for the end.
    pub nodes: Vec<Array<Node>>,
    /// The suffix of each n-gram of the top order; empty for order 1.
    pub links: Array<u32>,
}

impl Arrays {
    pub fn bytes(&self) -> usize {
        let grams: usize = self.grams.iter().map(|grams| size_of_val(&**grams)).sum();
        let nodes: usize = self.nodes.iter().map(|nodes| size_of_val(&**nodes)).sum();
        grams + nodes + size_of_val(&*self.links)
    }
}

impl Arrays {
    /// Every index must be inside its array, so that no query can fail later.
    pub fn check(&self, size: u32) -> std::result::Result<(), String> {
        for (k, grams) in (1..).zip(&self.grams) {
            check_words(k, grams, size)?;
        }
        for (k, nodes) in (1..).zip(&self.nodes) {
            check_nodes(k, nodes, if k == 1 { 0 } else { self.len(k - 1) }, self.len(k + 1))?;
        }
        let below = self.grams.len().checked_sub(2).map_or(0, |k| self.grams[k].len());
        if self.links.iter().any(|&link| link as usize >= below) {
            return Err(format!("a link of order {} leads nowhere", self.order()));
        }
        Ok(())
    }
}

impl Arrays {
    /// The suffixes of the top order, which is at least 2: those of the contexts, continued by the last words.
    pub fn find_links(&self, vocabulary: &Vocabulary, cancel: &Cancel) -> Result<Vec<u32>> {
        let (order, view) = (self.grams.len(), View { vocabulary, levels: self });
        let contexts: Vec<u32> = (0..self.grams[order - 2].len() as u32).collect();
        let groups = contexts.par_chunks(GROUP).map(|group| {
            cancel.check()?;
            let links = group.iter().flat_map(|&context| {
                let suffix = self.suffix(order - 1, context);
                self.children(order - 1, context)
                    .map(move |place| view.below(order as u32, suffix, self.word(order, place)))
            });
            Ok(links.collect::<Vec<u32>>())
        });
        Ok(groups.collect::<Result<Vec<_>>>()?.concat())
    }
}

/// Words of order `k` are in a vocabulary of `size`; those of order 1 are at their places.
pub(crate) fn check_words(k: usize, grams: &[Gram], size: u32) -> std::result::Result<(), String> {
    let unigrams = k > 1 || (0..).zip(grams).all(|(place, gram)| gram.word == place);
    if !unigrams || grams.iter().any(|gram| gram.word >= size) {
        return Err(format!("a word of order {k} is outside the vocabulary"));
    }
    Ok(())
}

/// The contexts of order `k` link to `below` n-grams of the order below (none for order 1) and `above` of the one above.
pub(crate) fn check_nodes(
    k: usize,
    nodes: &[Node],
    below: usize,
    above: usize,
) -> std::result::Result<(), String> {
    let rising = nodes.is_sorted_by_key(|node| node.children);
    let whole = nodes.first().map(|node| node.children) == Some(0)
        && nodes.last().map(|node| node.children as usize) == Some(above);
    if !rising || !whole || nodes.iter().any(|node| k > 1 && node.suffix as usize >= below.max(1)) {
        return Err(format!("a link of order {k} leads nowhere"));
    }
    Ok(())
}

impl Trie for Arrays {
    fn order(&self) -> usize {
        self.grams.len()
    }

    fn len(&self, k: usize) -> usize {
        self.grams[k - 1].len()
    }

    #[inline(always)]
    fn word(&self, k: usize, place: usize) -> u32 {
        self.grams[k - 1][place].word
    }

    #[inline(always)]
    fn log10(&self, k: usize, place: usize) -> f32 {
        self.grams[k - 1][place].log10
    }

    #[inline(always)]
    fn backoff(&self, k: usize, place: u32) -> f32 {
        self.nodes[k - 1][place as usize].backoff
    }

    #[inline(always)]
    fn suffix(&self, k: usize, place: u32) -> u32 {
        self.nodes[k - 1][place as usize].suffix
    }

    #[inline(always)]
    fn children(&self, k: usize, place: u32) -> Range<usize> {
        let nodes = &self.nodes[k - 1];
        nodes[place as usize].children as usize..nodes[place as usize + 1].children as usize
    }

    #[inline(always)]
    fn link(&self, place: usize) -> Option<u32> {
        self.links.get(place).copied()
    }

    fn parent(&self, k: usize, place: u32) -> u32 {
        (self.nodes[k - 2].partition_point(|node| node.children <= place) - 1) as u32
    }

    #[inline(always)]
    fn prefetch_context(&self, k: usize, place: u32) {
        prefetch(&self.nodes[k - 1], place as usize);
    }

    #[inline(always)]
    fn prefetch_gram(&self, k: usize, place: usize) {
        prefetch(&self.grams[k - 1], place);
    }

    #[inline(always)]
    fn find_from(&self, k: usize, range: Range<usize>, word: u32, guess: usize) -> Option<usize> {
        // Sliced once, so that the steps of the search are checked against a length that is at hand.
        let grams = self.grams[k - 1].get(range.clone())?;
        Some(range.start + crate::layout::search(|place| grams[place].word, grams.len(), word, guess)?)
    }
}
