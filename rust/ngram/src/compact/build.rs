//! From the fast layout to the compact one, and back.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use super::Compact;
use super::book::Book;
use super::records::{Columns, Records};
use super::starts;
use crate::error::{NgramError, Result};
use crate::fast::Fast;
use crate::layout::Layout;
use crate::model::{Gram, Node};
use crate::unsafe_array::Array;
use crate::view::View;
use crate::vocabulary::Vocabulary;

/// Bits of quantized values: fewer leave nothing to tell apart, more save nothing.
const BITS: std::ops::RangeInclusive<u32> = 2..=24;
/// N-grams of an order: places have 31 bits.
const MOST: usize = 1 << 31;
/// Contexts that one worker links between two looks at the cancel flag.
const GROUP: usize = 1 << 14;

impl Compact {
    /// With `bits`, the values of orders from 2 on are quantized to so many bits.
    pub fn of(fast: &Fast, bits: Option<u32>, cancel: &Cancel) -> Result<Self> {
        if let Some(bits) = bits.filter(|bits| !BITS.contains(bits)) {
            let (least, most) = (BITS.start(), BITS.end());
            return Err(NgramError::InvalidArgument(format!(
                "bits is {bits}, but must be {least} to {most}"
            )));
        }
        let mut compact = Self {
            unigrams: fast.grams[0].clone(),
            roots: fast.nodes.first().cloned().unwrap_or_default(),
            records: Vec::new(),
            children: Vec::new(),
        };
        for k in 2..=fast.order() {
            if fast.len(k) > MOST {
                let message = format!(
                    "there are {} n-grams of order {k}, but compact models can have {MOST}",
                    fast.len(k)
                );
                return Err(NgramError::Limit(message));
            }
            compact.add(fast, k, bits, cancel)?;
        }
        Ok(compact)
    }

    /// Add the n-grams of order `k`.
    fn add(&mut self, fast: &Fast, k: usize, bits: Option<u32>, cancel: &Cancel) -> Result<()> {
        let starts = fast.nodes.get(k - 1).map(|nodes| {
            let starts: Vec<u32> = nodes.iter().map(|node| node.children).collect();
            starts::split(&starts)
        });
        let kept = starts.as_ref().map_or(&[][..], |(_, kept)| kept);
        self.records.push(records(fast, k, bits, kept, cancel)?);
        self.children.extend(starts.map(|(starts, _)| starts));
        Ok(())
    }

    /// The same model in the fast layout; quantized values stay what they are.
    pub fn expand(&self, vocabulary: &Vocabulary, cancel: &Cancel) -> Result<Fast> {
        let order = self.order();
        let mut fast =
            Fast { grams: vec![self.unigrams.clone()], nodes: Vec::new(), links: Array::default() };
        fast.nodes.extend((order > 1).then(|| self.roots.clone()));
        for k in 2..=order {
            cancel.check()?;
            let places = (0..self.len(k)).into_par_iter();
            fast.grams.push(places.map(|place| self.gram(k, place)).collect::<Vec<Gram>>().into());
            if k < order {
                let places = (0..self.len(k)).into_par_iter();
                let mut nodes: Vec<Node> = places.map(|place| self.node(k, place)).collect();
                nodes.push(Node { backoff: 0.0, suffix: 0, children: self.len(k + 1) as u32 });
                fast.nodes.push(nodes.into());
            }
        }
        if order > 1 {
            fast.links = links(&fast, vocabulary, cancel)?.into();
        }
        Ok(fast)
    }

    fn node(&self, k: usize, place: usize) -> Node {
        let context = self.context(k, place as u32);
        Node { backoff: context.backoff, suffix: context.suffix, children: context.start as u32 }
    }
}

fn records(fast: &Fast, k: usize, bits: Option<u32>, starts: &[u32], cancel: &Cancel) -> Result<Records> {
    let book = |values: &[f32]| match bits {
        Some(bits) => Book::quantized(values, bits, cancel),
        None => Book::exact(values, cancel),
    };
    let (grams, top) = (&fast.grams[k - 1], k == fast.order());
    // The last node is the end.
    let nodes: &[Node] = if top { &[] } else { &fast.nodes[k - 1][..grams.len()] };
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

/// The suffixes of the top order, which is at least 2: those of the contexts, continued by the last words.
fn links(fast: &Fast, vocabulary: &Vocabulary, cancel: &Cancel) -> Result<Vec<u32>> {
    let (order, view) = (fast.order(), View { vocabulary, levels: fast });
    let contexts: Vec<u32> = (0..fast.len(order - 1) as u32).collect();
    let groups = contexts.par_chunks(GROUP).map(|group| {
        cancel.check()?;
        let links = group.iter().flat_map(|&context| {
            let context = fast.context(order - 1, context);
            context
                .children()
                .map(move |place| view.below(order as u32, context.suffix, fast.word(order, place)))
        });
        Ok(links.collect::<Vec<u32>>())
    });
    Ok(groups.collect::<Result<Vec<_>>>()?.concat())
}
