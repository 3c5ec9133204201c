//! The hashed layout's parts of a model file.
//!
//! ```text
//! unigrams (log10 f32, back-off f32)
//! for each order from 2 on: number of buckets, seed (u64)
//! zeros up to a multiple of 64 bytes
//! for each order from 2 on: its buckets (64 bytes each)
//!   below the top: 3 keys (u64), 3 log10, 3 back-offs (f32), 3 suffixes, marks (u32)
//!   the top: 5 keys (u64), 5 log10 (f32), marks (u32)
//! ```

use std::io::Write;

use rayon::prelude::*;

use super::table::{Bucket, FREE, Middle, Table};
use super::{Hashed, context_of, word_of};
use crate::error::Result;
use crate::layout::Layout;
use crate::parts::{PartReader, PartWriter};
use crate::unsafe_array::as_bytes;

/// Write the parts of `levels`.
pub(crate) fn write<W: Write>(levels: &Hashed, writer: &mut PartWriter<'_, W>) -> Result<()> {
    writer.array(&levels.unigrams)?;
    let heads = levels.middle.iter().map(Table::head).chain(levels.top.as_ref().map(Table::head));
    writer.part(as_bytes(&heads.flatten().collect::<Vec<u64>>()))?;
    writer.align()?;
    levels.middle.iter().try_for_each(|table| writer.array(&table.buckets))?;
    levels.top.iter().try_for_each(|table| writer.array(&table.buckets))
}

/// The parts that `counts` n-grams by order have; `None` if the file ends before.
pub(crate) fn read(reader: &mut PartReader<'_>, counts: &[u64]) -> Option<Hashed> {
    let (&unigrams, above) = counts.split_first()?;
    let unigrams = reader.array(unigrams)?;
    let heads = reader.array::<u64>(2 * above.len() as u64)?;
    reader.align()?;
    let mut levels = Hashed { unigrams, middle: Vec::new(), top: None };
    let mut rows = heads.chunks_exact(2).zip(above);
    let top = rows.next_back();
    for (head, &count) in rows {
        levels.middle.push(table(reader, head, count)?);
    }
    if let Some((head, &count)) = top {
        levels.top = Some(table(reader, head, count)?);
    }
    Some(levels)
}

fn table<B: Bucket>(reader: &mut PartReader<'_>, head: &[u64], count: u64) -> Option<Table<B>> {
    let table = Table { buckets: reader.array(head[0])?, seed: head[1], count: usize::try_from(count).ok()? };
    table.has_slots().then_some(table)
}

impl Hashed {
    /// Every number must be inside what it counts, so that no query can fail later.
    pub(crate) fn check(&self, size: u32) -> std::result::Result<(), String> {
        for (k, table) in (2..).zip(&self.middle) {
            self.check_table(k, table, size)?;
            let known = |bucket: &Middle| {
                bucket
                    .keys()
                    .iter()
                    .zip(bucket.suffix)
                    .all(|(&key, suffix)| key == FREE || self.is_place(k - 1, suffix, size))
            };
            if !table.buckets.par_iter().all(known) {
                return Err(format!("a link of order {k} leads nowhere"));
            }
        }
        self.top.iter().try_for_each(|table| self.check_table(self.order(), table, size))
    }

    fn check_table<B: Bucket>(
        &self,
        k: usize,
        table: &Table<B>,
        size: u32,
    ) -> std::result::Result<(), String> {
        let keys = || table.buckets.par_iter().flat_map_iter(Bucket::keys).filter(|&&key| key != FREE);
        let count = keys().count();
        if count != table.count {
            return Err(format!("order {k} has {count} n-grams, but the head says {}", table.count));
        }
        if !keys().all(|&key| word_of(key) < size && self.is_place(k - 1, context_of(key), size)) {
            return Err(format!("an n-gram of order {k} has no context, or a word outside the vocabulary"));
        }
        Ok(())
    }

    /// Whether there is an n-gram of order `k`, below the top, at `place`.
    fn is_place(&self, k: usize, place: u32, size: u32) -> bool {
        if k == 1 {
            return place < size;
        }
        let table = &self.middle[k - 2];
        (place as usize) < table.slots() && table.key(place as usize) != FREE
    }
}
