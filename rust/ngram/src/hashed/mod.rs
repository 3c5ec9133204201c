//! The layout for scoring: each order is a hash table, an n-gram is found with one access.
//!
//! An n-gram's key is the slot of its context, one order below, and its last word: 64 bits that say all, so that nothing
//! is taken for something else. Its probability and its weight as a context lie in the same cache line. The continuations
//! of a context are scattered: to list them, every word of the vocabulary is looked up.
//!
//! KenLM's probing model (Heafield 2011) hashes all words of an n-gram instead; hashes of 64 bits then stand for n-grams.

mod build;
mod file;
mod table;

pub(crate) use file::{read, write};
use table::{Bucket, Probe, Table};
pub(crate) use table::{Middle, Top};

use crate::layout::Layout;
use crate::model::Gram;
use crate::unsafe_array::Array;
use crate::unsafe_memory::prefetch;

#[derive(Clone)]
pub(crate) struct Hashed {
    unigrams: Array<Unigram>,
    /// By order from 2 to the one below the top.
    middle: Vec<Table<Middle>>,
    /// `None` for order 1.
    top: Option<Table<Top>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C)]
pub struct Unigram {
    log10: f32,
    backoff: f32,
}

/// Words that are looked up together, so that one does not wait for the other's memory.
const TOGETHER: usize = 64;
/// The weight of an n-gram that is no context: nothing continues it, and the weight is 1.
const NO_CONTEXT: f32 = -0.0;

fn key(context: u32, word: u32) -> u64 {
    // Not `FREE`, whatever they are.
    (u64::from(context) + 1) << 32 | u64::from(word)
}

fn word_of(key: u64) -> u32 {
    key as u32
}

fn context_of(key: u64) -> u32 {
    ((key >> 32) as u32).wrapping_sub(1)
}

impl Hashed {
    pub fn bytes(&self) -> usize {
        let middle: usize = self.middle.iter().map(|table| size_of_val(&*table.buckets)).sum();
        let top = self.top.as_ref().map_or(0, |table| size_of_val(&*table.buckets));
        size_of_val(&*self.unigrams) + middle + top
    }

    /// The table of order `k`, if that is the top one.
    #[inline(always)]
    fn top(&self, k: usize) -> Option<&Table<Top>> {
        self.top.as_ref().filter(|_| k == self.middle.len() + 2)
    }

    #[inline(always)]
    fn key(&self, k: usize, place: usize) -> u64 {
        self.top(k).map_or_else(|| self.middle[k - 2].key(place), |top| top.key(place))
    }
}

impl Layout for Hashed {
    type Search = Probe;

    fn order(&self) -> usize {
        if self.top.is_some() { self.middle.len() + 2 } else { 1 }
    }

    fn len(&self, k: usize) -> usize {
        if k == 1 {
            return self.unigrams.len();
        }
        self.top(k).map_or_else(|| self.middle[k - 2].count, |top| top.count)
    }

    #[inline(always)]
    fn word(&self, k: usize, place: usize) -> u32 {
        if k == 1 { place as u32 } else { word_of(self.key(k, place)) }
    }

    #[inline(always)]
    fn log10(&self, k: usize, place: usize) -> f32 {
        if k == 1 {
            return self.unigrams[place].log10;
        }
        self.top(k).map_or_else(|| self.middle[k - 2].log10(place), |top| top.log10(place))
    }

    #[inline(always)]
    fn backoff(&self, k: usize, place: u32) -> f32 {
        let place = place as usize;
        if k == 1 {
            return self.unigrams[place].backoff;
        }
        self.middle[k - 2].buckets[place / Middle::WAYS].backoff[place % Middle::WAYS]
    }

    #[inline(always)]
    fn suffix(&self, k: usize, place: u32) -> u32 {
        if k == 1 {
            return 0;
        }
        let place = place as usize;
        self.middle[k - 2].buckets[place / Middle::WAYS].suffix[place % Middle::WAYS]
    }

    #[inline(always)]
    fn is_context(&self, k: usize, place: u32) -> bool {
        self.backoff(k, place).to_bits() != NO_CONTEXT.to_bits()
    }

    #[inline(always)]
    fn link(&self, _place: usize) -> Option<u32> {
        None
    }

    fn parent(&self, k: usize, place: u32) -> u32 {
        context_of(self.key(k, place as usize))
    }

    #[inline(always)]
    fn prefetch_unigram(&self, word: u32) {
        prefetch(&self.unigrams, word as usize);
    }

    /// It came with the n-gram.
    #[inline(always)]
    fn prefetch_context(&self, _k: usize, _place: u32) {}

    #[inline(always)]
    fn ask(&self, k: usize, place: u32, word: u32, _bound: u32) -> Probe {
        let key = key(place, word);
        self.top(k + 1).map_or_else(|| self.middle[k - 1].ask(key), |top| top.ask(key))
    }

    #[inline(always)]
    fn refine(&self, k: usize, search: &mut Probe, _bound: u32) {
        match self.top(k + 1) {
            Some(top) => top.look(search),
            None => self.middle[k - 1].look(search),
        }
    }

    #[inline(always)]
    fn answer(&self, k: usize, search: Probe) -> Option<usize> {
        match self.top(k + 1) {
            Some(top) => top.find(search),
            None => self.middle[k - 1].find(search),
        }
    }

    fn continuations(&self, k: usize, place: u32, bound: u32) -> impl Iterator<Item = Gram> {
        (0..bound).step_by(TOGETHER).flat_map(move |first| {
            let words = first..bound.min(first + TOGETHER as u32);
            let searches: Vec<_> = words.clone().map(|word| self.ask(k, place, word, bound)).collect();
            words.zip(searches).filter_map(move |(word, search)| {
                let log10 = self.log10(k + 1, self.answer(k, search)?);
                Some(Gram { word, log10 })
            })
        })
    }
}
