//! The compact layout's parts of a model file.
//!
//! ```text
//! unigrams (word u32, log10 f32)
//! unigrams as contexts, one more than unigrams (back-off f32, suffix u32, children u32); not for order 1
//! for each order from 2 on 8 × u32: bits of the word, the probability, the back-off weight, the suffix and the start,
//!   values in the books of probabilities and of weights, listed starts
//! for each order from 2 on:
//!   book of probabilities, book of weights (f32)
//!   records (u64)
//!   below the top: notes and listed starts (u32)
//! ```

use std::io::Write;

use super::Compact;
use super::bits::Bits;
use super::book::Book;
use super::records::{Records, Widths};
use super::starts::{self, Starts};
use crate::arrays;
use crate::error::Result;
use crate::layout::Trie;
use crate::parts::{PartReader, PartWriter};
use crate::unsafe_array::{Array, as_bytes};

/// Numbers of the table for each order.
const ROW: usize = 8;

/// Write the parts of `levels`.
pub(crate) fn write<W: Write>(levels: &Compact, writer: &mut PartWriter<'_, W>) -> Result<()> {
    writer.array(&levels.unigrams)?;
    writer.array(&levels.roots)?;
    let rows = levels.records.iter().enumerate().flat_map(|(level, records)| {
        let Widths { word, log10, backoff, suffix, start, .. } = records.widths;
        let books = [&records.log10, &records.backoff].map(|book| book.values.len() as u32);
        let listed = levels.children.get(level).map_or(0, |children| children.listed.len() as u32);
        [word, log10, backoff, suffix, start, books[0], books[1], listed]
    });
    writer.part(as_bytes(&rows.collect::<Vec<u32>>()))?;
    for (level, records) in levels.records.iter().enumerate() {
        writer.array(&records.log10.values)?;
        writer.array(&records.backoff.values)?;
        writer.array(&records.bits.0)?;
        if let Some(children) = levels.children.get(level) {
            writer.array(&children.notes)?;
            writer.array(&children.listed)?;
        }
    }
    Ok(())
}

/// The parts that `counts` n-grams by order have; `None` if the file ends before.
pub(crate) fn read(reader: &mut PartReader<'_>, counts: &[u64]) -> Option<Compact> {
    let (order, unigrams) = (counts.len(), *counts.first()?);
    // Places are numbers of 32 bits.
    counts.iter().all(|&count| u32::try_from(count).is_ok()).then_some(())?;
    let unigrams =
        (reader.array(unigrams)?, if order > 1 { reader.array(unigrams + 1)? } else { Array::default() });
    let table: Array<u32> = reader.array((ROW * (order - 1)) as u64)?;
    let mut levels =
        Compact { unigrams: unigrams.0, roots: unigrams.1, records: Vec::new(), children: Vec::new() };
    for (level, row) in table.chunks_exact(ROW).enumerate() {
        let count = counts[level + 1];
        // A record without bits would let a short file announce any number of them.
        (row[0] > 0 && row[..5].iter().all(|&width| width <= u32::BITS)).then_some(())?;
        let widths = Widths::new([row[0], row[1], row[2], row[3], row[4]]);
        let log10 = Book { width: widths.log10, values: reader.array(row[5].into())? };
        let backoff = Book { width: widths.backoff, values: reader.array(row[6].into())? };
        let bits = Bits(reader.array(widths.units(count))?);
        levels.records.push(Records { count: usize::try_from(count).ok()?, widths, log10, backoff, bits });
        if level + 2 < order {
            let (notes, listed) = (reader.array(starts::notes(count))?, reader.array(row[7].into())?);
            levels.children.push(Starts { notes, listed });
        }
    }
    Some(levels)
}

impl Compact {
    /// Every number must be inside what it counts, so that no query can fail later.
    pub(crate) fn check(&self, size: u32) -> std::result::Result<(), String> {
        arrays::check_words(1, &self.unigrams, size)?;
        if self.order() > 1 {
            arrays::check_nodes(1, &self.roots, 0, self.len(2))?;
        }
        (2..=self.order()).try_for_each(|k| self.check_order(k, size))
    }

    fn check_order(&self, k: usize, size: u32) -> std::result::Result<(), String> {
        let (records, top) = (&self.records[k - 2], k == self.order());
        let mut places = 0..records.count;
        if !places.clone().all(|place| records.word(place) < size) {
            return Err(format!("a word of order {k} is outside the vocabulary"));
        }
        let known = |book: &Book, code: u64| book.values.is_empty() || (code as usize) < book.values.len();
        if !places.clone().all(|place| {
            known(&records.log10, records.log10_code(place))
                && (top || known(&records.backoff, records.backoff_code(place)))
        }) {
            return Err(format!("a value of order {k} is outside its book"));
        }
        let below = self.len(k - 1);
        let suffixes = top || k == 2 || places.all(|place| (records.suffix(place) as usize) < below);
        let children =
            |starts: &Starts| starts.are_sound(records.count, self.len(k + 1), |index| records.start(index));
        if !suffixes || !self.children.get(k - 2).is_none_or(children) {
            return Err(format!("a link of order {k} leads nowhere"));
        }
        Ok(())
    }
}
