//! The layout for memory: n-grams as records of bits, about half as large as the plain layout's.
//!
//! A record of order 2 or more has the word, the probability, and below the top order the back-off weight and the place of
//! the suffix, each in as many bits as the largest number needs; values that repeat are numbers in a [`Book`], and of where
//! the continuations begin the record has a difference ([`Starts`]). Bigrams need no suffix, it is their word; n-grams of
//! the top order have none either: it is found as the continuation of their context's suffix, one more search for each
//! hit. Unigrams, which are few, are as in the plain layout.
//!
//! KenLM's trie (Heafield 2011) has similar records, without suffixes: it searches from the last word backwards, as often
//! as the n-gram found is long.

mod bits;
mod book;
mod build;
mod file;
mod records;
mod starts;

use std::ops::Range;

pub(crate) use file::{read, write};
use records::Records;
use starts::Starts;

use crate::layout::Trie;
use crate::model::{Gram, Node};
use crate::unsafe_array::Array;
use crate::unsafe_memory::prefetch;

#[derive(Clone)]
pub(crate) struct Compact {
    unigrams: Array<Gram>,
    /// The unigrams as contexts, and one more for the end; empty for order 1.
    roots: Array<Node>,
    /// By order from 2 on.
    records: Vec<Records>,
    /// Where continuations begin, by order from 2 to the one below the top.
    children: Vec<Starts>,
}

impl Compact {
    pub fn bytes(&self) -> usize {
        let records: usize = self.records.iter().map(Records::bytes).sum();
        let children: usize = self.children.iter().map(Starts::bytes).sum();
        size_of_val(&*self.unigrams) + size_of_val(&*self.roots) + records + children
    }
}

impl Trie for Compact {
    fn order(&self) -> usize {
        self.records.len() + 1
    }

    fn len(&self, k: usize) -> usize {
        if k == 1 { self.unigrams.len() } else { self.records[k - 2].count }
    }

    #[inline(always)]
    fn word(&self, k: usize, place: usize) -> u32 {
        if k == 1 { place as u32 } else { self.records[k - 2].word(place) }
    }

    #[inline(always)]
    fn log10(&self, k: usize, place: usize) -> f32 {
        if k == 1 { self.unigrams[place].log10 } else { self.records[k - 2].log10(place) }
    }

    #[inline(always)]
    fn backoff(&self, k: usize, place: u32) -> f32 {
        let place = place as usize;
        if k == 1 { self.roots[place].backoff } else { self.records[k - 2].backoff(place) }
    }

    #[inline(always)]
    fn suffix(&self, k: usize, place: u32) -> u32 {
        let place = place as usize;
        match k {
            1 => 0,
            2 => self.records[0].word(place),
            _ => self.records[k - 2].suffix(place),
        }
    }

    #[inline(always)]
    fn children(&self, k: usize, place: u32) -> Range<usize> {
        let place = place as usize;
        if k == 1 {
            return self.roots[place].children as usize..self.roots[place + 1].children as usize;
        }
        let records = &self.records[k - 2];
        let (start, end) = self.children[k - 2].pair(place, records.count, |place| records.start(place));
        start..end
    }

    fn link(&self, _place: usize) -> Option<u32> {
        None
    }

    fn parent(&self, k: usize, place: u32) -> u32 {
        if k == 2 {
            return (self.roots.partition_point(|node| node.children <= place) - 1) as u32;
        }
        let (records, children) = (&self.records[k - 3], &self.children[k - 3]);
        let mut range = 0..records.count;
        while range.len() > 1 {
            let middle = range.start + range.len() / 2;
            if children.get(middle, |index| records.start(index)) <= place {
                range.start = middle;
            } else {
                range.end = middle;
            }
        }
        range.start as u32
    }

    #[inline(always)]
    fn prefetch_context(&self, k: usize, place: u32) {
        if k == 1 {
            prefetch(&self.roots, place as usize);
        } else {
            self.records[k - 2].prefetch(place as usize);
            self.children[k - 2].prefetch(place as usize);
        }
    }

    #[inline(always)]
    fn prefetch_gram(&self, k: usize, place: usize) {
        if k == 1 {
            prefetch(&self.unigrams, place);
        } else {
            self.records[k - 2].prefetch(place);
        }
    }

    #[inline(always)]
    fn find_from(&self, k: usize, range: Range<usize>, word: u32, guess: usize) -> Option<usize> {
        // Only orders from 2 on are searched.
        let (records, start) = (&self.records[k - 2], range.start);
        Some(start + crate::layout::search(|place| records.word(start + place), range.len(), word, guess)?)
    }
}
