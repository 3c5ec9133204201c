//! From the plain layout to the compact one, and back.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use super::Compact;
use super::book::Book;
use super::records::{Columns, Records};
use super::starts;
use crate::arrays::Arrays;
use crate::error::{NgramError, Result};
use crate::layout::Trie;
use crate::model::{Gram, Node};
use crate::unsafe_array::Array;
use crate::vocabulary::Vocabulary;

/// Bits of quantized values: fewer leave nothing to tell apart, more save nothing.
const BITS: std::ops::RangeInclusive<u32> = 2..=24;
/// N-grams of an order: places have 31 bits.
const MOST: usize = 1 << 31;

impl Compact {
    /// With `bits`, the values of orders from 2 on are quantized to so many bits.
    pub fn of(arrays: &Arrays, bits: Option<u32>, cancel: &Cancel) -> Result<Self> {
        if let Some(bits) = bits.filter(|bits| !BITS.contains(bits)) {
            let (least, most) = (BITS.start(), BITS.end());
            return Err(NgramError::InvalidArgument(format!(
                "bits is {bits}, but must be {least} to {most}"
            )));
        }
        let mut compact = Self {
            unigrams: arrays.grams[0].clone(),
            roots: arrays.nodes.first().cloned().unwrap_or_default(),
            records: Vec::new(),
            children: Vec::new(),
        };
        for k in 2..=arrays.order() {
            if arrays.len(k) > MOST {
                let message = format!(
                    "there are {} n-grams of order {k}, but compact models can have {MOST}",
                    arrays.len(k)
                );
                return Err(NgramError::Limit(message));
            }
            compact.add(arrays, k, bits, cancel)?;
        }
        Ok(compact)
    }

    /// Add the n-grams of order `k`.
    fn add(&mut self, arrays: &Arrays, k: usize, bits: Option<u32>, cancel: &Cancel) -> Result<()> {
        let starts = arrays.nodes.get(k - 1).map(|nodes| {
            let starts: Vec<u32> = nodes.iter().map(|node| node.children).collect();
            starts::split(&starts)
        });
        let kept = starts.as_ref().map_or(&[][..], |(_, kept)| kept);
        self.records.push(records(arrays, k, bits, kept, cancel)?);
        self.children.extend(starts.map(|(starts, _)| starts));
        Ok(())
    }

    /// The same model in the plain layout; quantized values stay what they are.
    pub fn expand(&self, vocabulary: &Vocabulary, cancel: &Cancel) -> Result<Arrays> {
        let order = self.order();
        let mut arrays =
            Arrays { grams: vec![self.unigrams.clone()], nodes: Vec::new(), links: Array::default() };
        arrays.nodes.extend((order > 1).then(|| self.roots.clone()));
        for k in 2..=order {
            cancel.check()?;
            let places = (0..self.len(k)).into_par_iter();
            arrays.grams.push(places.map(|place| self.gram(k, place)).collect::<Vec<Gram>>().into());
            if k < order {
                let places = (0..self.len(k)).into_par_iter();
                let mut nodes: Vec<Node> = places.map(|place| self.node(k, place)).collect();
                nodes.push(Node { backoff: 0.0, suffix: 0, children: self.len(k + 1) as u32 });
                arrays.nodes.push(nodes.into());
            }
        }
        if order > 1 {
            arrays.links = arrays.find_links(vocabulary, cancel)?.into();
        }
        Ok(arrays)
    }

    fn node(&self, k: usize, place: usize) -> Node {
        let place = place as u32;
        let children = self.children(k, place).start as u32;
        Node { backoff: self.backoff(k, place), suffix: self.suffix(k, place), children }
    }
}

fn records(arrays: &Arrays, k: usize, bits: Option<u32>, starts: &[u32], cancel: &Cancel) -> Result<Records> {
    let book = |values: &[f32]| match bits {
        Some(bits) => Book::quantized(values, bits, cancel),
        None => Book::exact(values, cancel),
    };
    let (grams, top) = (&arrays.grams[k - 1], k == arrays.order());
    // The last node is the end.
    let nodes: &[Node] = if top { &[] } else { &arrays.nodes[k - 1][..grams.len()] };
    let words: Vec<u32> = grams.iter().map(|gram| gram.word).collect();
    let (log10, log10_codes) = {
        let values: Vec<f32> = grams.iter().map(|gram| gram.log10).collect();
        let book = book(&values)?;
        let codes = book.encode(&values);
        (book, codes)
    };
    let values: Vec<f32> = nodes.iter().map(|node| node.backoff).collect();
    let backoff = book(&values)?;
    let suffixes: Vec<u32> = if k == 2 { Vec::new() } else { nodes.iter().map(|node| node.suffix).collect() };
    cancel.check()?;
    let backoffs = backoff.encode(&values);
    let columns =
        Columns { words: &words, log10: &log10_codes, backoffs: &backoffs, suffixes: &suffixes, starts };
    Ok(Records::of(&columns, log10, backoff))
}
