//! A chunk's n-grams of all orders as sorted runs, in one file.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use super::merge::{MAX_RUNS, halves, merge_counts};
use super::rows::{RowWriter, Section};
use super::store::Store;
use super::tokens::Chunk;
use crate::corpus::Corpus;
use crate::error::Result;
use crate::sort::{Sorted, sort_counted};

/// Sort the n-grams of a chunk: rows of the n-gram and its count, the orders one after the other. Returns the number
/// of rows of each order.
pub(super) fn write(
    store: &Store,
    name: &str,
    corpus: &Corpus,
    chunk: Chunk,
    orders: &[u8],
    cancel: &Cancel,
) -> Result<Vec<u64>> {
    let highest = orders.last().copied().unwrap_or(1);
    let mut remaining = corpus.remaining(highest);
    remaining[chunk.counted as usize..].fill(0);
    let sorted = sort_counted(corpus, remaining, highest, cancel)?;
    let rows: Vec<u64> =
        orders.iter().map(|&order| sorted.distinct(order).into_iter().sum::<usize>() as u64).collect();
    let file = store.create(name)?;
    let sections = sections(name, orders, &rows);
    orders.par_iter().zip(sections).try_for_each(|(&order, section)| {
        let writer = RowWriter::at(store, file.clone(), name, section.start);
        write_order(corpus, &sorted, order, writer, cancel)
    })?;
    Ok(rows)
}

fn write_order(
    corpus: &Corpus,
    sorted: &Sorted,
    order: u8,
    mut writer: RowWriter,
    cancel: &Cancel,
) -> Result<()> {
    let mut current: Option<u32> = None;
    let mut count = 0;
    let mut push = |position: u32, count: u64| {
        let position = position as usize;
        writer.push(&corpus.tokens[position..position + usize::from(order)])?;
        writer.push(&halves(count))
    };
    for chunk in &sorted.chunks {
        cancel.check()?;
        for (position, _, first) in sorted.starts(order, chunk.clone()).filter(|&(_, is, _)| is) {
            if first && let Some(before) = current.replace(position) {
                push(before, count)?;
                count = 0;
            }
            count += 1;
        }
    }
    if let Some(last) = current {
        push(last, count)?;
    }
    writer.finish()
}

/// Where the orders of a chunk lie in its file.
pub(super) fn sections(name: &str, orders: &[u8], rows: &[u64]) -> Vec<Section> {
    let mut start = 0;
    let section = |(&order, &rows): (&u8, &u64)| {
        let section = Section { name: name.to_owned(), start, rows, width: usize::from(order) + 2 };
        start += rows * section.width as u64;
        section
    };
    orders.iter().zip(rows).map(section).collect()
}

/// Whether a run was made by [`reduce`].
pub(super) fn is_merged(run: &Section) -> bool {
    run.name.starts_with("merged-")
}

/// Merge runs of an order until there are no more than [`MAX_RUNS`].
pub(super) fn reduce(
    store: &Store,
    mut runs: Vec<Section>,
    order: u8,
    memory: usize,
    cancel: &Cancel,
) -> Result<Vec<Section>> {
    let key = usize::from(order);
    let mut made = 0;
    while runs.len() > MAX_RUNS {
        let group: Vec<Section> = runs.drain(..MAX_RUNS).collect();
        let name = format!("merged-{order}-{made}");
        made += 1;
        let mut writer = RowWriter::create(store, &name)?;
        let mut rows = 0;
        merge_counts(store, &group, key, memory, cancel, |ngram, count| {
            rows += 1;
            writer.push(ngram)?;
            writer.push(&halves(count))
        })?;
        writer.finish()?;
        group.iter().filter(|run| is_merged(run)).for_each(|run| store.remove(&run.name));
        runs.push(Section { name, start: 0, rows, width: key + 2 });
    }
    Ok(runs)
}
