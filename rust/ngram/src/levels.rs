//! From sorted positions to the trie of all n-grams: one [`Level`] per order, children beside each other.
//!
//! Each n-gram knows its suffix (the n-gram without its first word), which is the n-gram of the order below that
//! starts one position later: so a table of "which n-gram starts here" answers without any search. Kneser-Ney
//! estimation needs nothing else: adjusted counts follow the suffixes, contexts are neighbours, lower-order
//! probabilities are those of the suffixes.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::Corpus;
use crate::error::Result;
use crate::sort::{Sorted, sort};
use crate::unsafe_memory::zeroed;

/// The n-grams of one order, in the order of their words.
#[derive(Debug, Default)]
pub(crate) struct Level {
    /// The last word of each.
    pub words: Vec<u32>,
    /// How often each occurs.
    pub counts: Vec<u32>,
    /// Where the continuations of each begin in the level above; one more entry for the end. Empty at the top.
    pub children: Vec<u32>,
    /// The index in the level below of each without its first word. Empty at the bottom.
    pub suffixes: Vec<u32>,
}

impl Level {
    pub fn len(&self) -> usize {
        self.words.len()
    }
}

/// All n-grams of orders 1 to `order`. The bottom level has every number below the corpus's bound, seen or not.
pub(crate) fn build(corpus: &Corpus, order: u8, cancel: &Cancel) -> Result<Vec<Level>> {
    let mut bottom = Level { words: (0..corpus.bound).collect(), ..Level::default() };
    bottom.counts = vec![0; bottom.words.len()];
    for &token in &corpus.tokens {
        bottom.counts[token as usize] += 1;
    }
    let mut levels = vec![bottom];
    if order == 1 {
        return Ok(levels);
    }
    let sorted = sort(corpus, order, cancel)?;
    let mut starts_here = None;
    for k in 2..=order {
        cancel.check()?;
        let (level, children, here) = level(corpus, &sorted, k, starts_here.as_deref(), k < order);
        if let Some(below) = levels.last_mut() {
            below.children = children;
        }
        levels.push(level);
        starts_here = Some(here);
    }
    Ok(levels)
}

/// The level `k`, the `children` of the level below, and the index of the n-gram that starts at each position.
fn level(
    corpus: &Corpus,
    sorted: &Sorted,
    k: u8,
    below: Option<&[AtomicU32]>,
    needs_index: bool,
) -> (Level, Vec<u32>, Vec<AtomicU32>) {
    let sizes = sorted.distinct(k);
    let total = sizes.iter().sum();
    let starts: Vec<usize> =
        sizes.iter().scan(0, |sum, &size| Some(std::mem::replace(sum, *sum + size))).collect();
    let mut level = Level { words: zeroed(total), counts: zeroed(total), ..Level::default() };
    let mut first: Vec<u32> = zeroed(total);
    let here: Vec<AtomicU32> = if needs_index { atomics(corpus.tokens.len()) } else { Vec::new() };
    let parents = if k == 2 { vec![0; sizes.len()] } else { sorted.distinct(k - 1) };
    let mut children = zeroed(parents.iter().sum::<usize>() + 1);
    split(&mut level.words, &sizes)
        .into_par_iter()
        .zip(split(&mut level.counts, &sizes))
        .zip(split(&mut first, &sizes))
        .zip(split(&mut children, &parents))
        .zip(&sorted.chunks)
        .zip(&starts)
        .for_each(|(((((words, counts), first), children), chunk), &start)| {
            let (mut next, mut parent) = (0, 0);
            let items = sorted.positions[chunk.clone()].iter().zip(&sorted.shared[chunk.clone()]);
            for ((&position, &shared), &length) in items.zip(&sorted.lengths[chunk.clone()]) {
                if k > 2 && length >= k - 1 && shared < k - 1 {
                    children[parent] = (start + next) as u32;
                    parent += 1;
                }
                if length < k {
                    continue;
                }
                if shared < k {
                    words[next] = corpus.tokens[position as usize + usize::from(k) - 1];
                    first[next] = position;
                    next += 1;
                }
                counts[next - 1] += 1;
                if needs_index {
                    here[position as usize].store((start + next - 1) as u32, Ordering::Relaxed);
                }
            }
        });
    if k == 2 {
        children = children_of_words(corpus, &first);
    } else if let Some(end) = children.last_mut() {
        *end = total as u32;
    }
    let suffix = |&position: &u32| {
        let next = position as usize + 1;
        below.map_or_else(|| corpus.tokens[next], |below| below[next].load(Ordering::Relaxed))
    };
    level.suffixes = first.par_iter().map(suffix).collect();
    (level, children, here)
}

/// Where the bigrams of each first word begin: words without bigrams have to be counted as well.
fn children_of_words(corpus: &Corpus, first: &[u32]) -> Vec<u32> {
    let mut children = vec![0; corpus.bound as usize + 1];
    for &position in first {
        children[corpus.tokens[position as usize] as usize + 1] += 1;
    }
    for word in 1..children.len() {
        children[word] += children[word - 1];
    }
    children
}

/// The n-grams of level `k` whose first word is `word`: they lie beside each other.
pub(crate) fn beginning_with(levels: &[Level], word: usize, k: usize) -> Range<usize> {
    levels[..k].iter().fold(word..word + 1, |range, level| {
        level.children[range.start] as usize..level.children[range.end] as usize
    })
}

pub(crate) fn atomics(length: usize) -> Vec<AtomicU32> {
    zeroed::<u32>(length).into_iter().map(AtomicU32::new).collect()
}

/// Cut `slice` into pieces of these sizes; what is left over at the end stays out.
pub(crate) fn split<'a, T>(mut slice: &'a mut [T], sizes: &[usize]) -> Vec<&'a mut [T]> {
    let mut pieces = Vec::with_capacity(sizes.len());
    for &size in sizes {
        let (piece, rest) = slice.split_at_mut(size);
        pieces.push(piece);
        slice = rest;
    }
    pieces
}
