//! The matrix of documents and their n-grams, with columns in the order of the n-grams.
//!
//! One sort of all positions brings equal n-grams of all orders together, a shorter one before its continuations: a
//! walk over it gives out the columns in order. Each position notes the columns of the n-grams that start there, so
//! that a document's row is a slice of these notes, sorted and counted. O(N log N) for N tokens.

use std::sync::atomic::{AtomicU32, Ordering};

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::Corpus;
use crate::error::{NgramError, Result};
use crate::levels::{atomics, split};
use crate::sort::{Sorted, sort};

/// A sparse matrix of counts by rows: those of row `i` are at `starts[i]..starts[i + 1]`, by rising column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    pub starts: Vec<i64>,
    pub columns: Vec<u32>,
    pub counts: Vec<u32>,
    /// How many columns the matrix has.
    pub width: usize,
}

/// Where in a corpus an n-gram is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub position: u32,
    pub order: u8,
}

/// Columns are 32 bits wide in scipy.
const MAX_COLUMNS: usize = i32::MAX as usize;
const POLL: usize = 1 << 14;

/// Which n-grams become columns.
pub(super) struct Wanted {
    /// By order, the place among the notes of a position; `None` if the order is not wanted.
    slots: Vec<Option<usize>>,
    smallest: usize,
    width: usize,
    /// The number of the space around words whose characters are counted: a word shorter than every order then counts
    /// as a whole.
    border: Option<u32>,
}

impl Wanted {
    /// `orders` rise and are 1 to 255.
    pub fn new(orders: impl Iterator<Item = usize>, border: Option<u32>) -> Self {
        let mut slots = Vec::new();
        let mut width = 0;
        for order in orders {
            slots.resize(order + 1, None);
            slots[order] = Some(width);
            width += 1;
        }
        let smallest = slots.iter().position(Option::is_some).unwrap_or(1);
        Self { slots, smallest, width, border }
    }

    fn largest(&self) -> usize {
        self.slots.len() - 1
    }

    /// The slot of the n-gram of order `k` at `position`, after which `length` tokens are left (up to the largest order).
    #[inline]
    fn slot(&self, corpus: &Corpus, position: u32, k: usize, length: usize) -> Option<usize> {
        if k >= self.smallest {
            return self.slots[k];
        }
        // The space before a word has the word behind it; the one after it has nothing.
        let whole = |border| k == length && k > 1 && corpus.tokens[position as usize] == border;
        self.border.is_some_and(whole).then_some(0)
    }
}

/// Count the wanted n-grams in each row, `corpus.tokens[rows[i]..rows[i + 1]]`; also returns where the n-gram of each
/// column is to be read.
pub(super) fn count(
    corpus: &Corpus,
    rows: &[usize],
    wanted: &Wanted,
    cancel: &Cancel,
) -> Result<(Counted, Vec<Place>)> {
    let sorted = sort(corpus, wanted.largest() as u8, cancel)?;
    let sizes: Vec<usize> = sorted
        .chunks
        .par_iter()
        .map(|chunk| {
            cancel.check()?;
            let mut size = 0;
            each_item(&sorted, chunk, |position, shared, length| {
                let new =
                    (shared + 1..=length).filter(|&k| wanted.slot(corpus, position, k, length).is_some());
                size += new.count();
            });
            Ok(size)
        })
        .collect::<Result<_>>()?;
    let width: usize = sizes.iter().sum();
    if width > MAX_COLUMNS {
        let message = format!("the matrix would have {width} columns, more than the {MAX_COLUMNS} allowed");
        return Err(NgramError::Limit(message));
    }
    let mut places = vec![Place { position: 0, order: 0 }; width];
    let notes = atomics(corpus.tokens.len() * wanted.width);
    let starts: Vec<usize> =
        sizes.iter().scan(0, |sum, &size| Some(std::mem::replace(sum, *sum + size))).collect();
    split(&mut places, &sizes).into_par_iter().zip(&starts).zip(&sorted.chunks).try_for_each(
        |((places, &start), chunk)| -> Result<()> {
            cancel.check()?;
            let (mut next, mut current) = (0, [0; 256]);
            each_item(&sorted, chunk, |position, shared, length| {
                for (k, current) in current.iter_mut().enumerate().take(length + 1).skip(1) {
                    let Some(slot) = wanted.slot(corpus, position, k, length) else { continue };
                    if k > shared {
                        places[next] = Place { position, order: k as u8 };
                        next += 1;
                        // Zero is for slots without an n-gram.
                        *current = (start + next) as u32;
                    }
                    let note: &AtomicU32 = &notes[position as usize * wanted.width + slot];
                    note.store(*current, Ordering::Relaxed);
                }
            });
            Ok(())
        },
    )?;
    drop(sorted);
    let mut notes: Vec<u32> = notes.into_iter().map(AtomicU32::into_inner).collect();
    let lengths: Vec<usize> = rows.windows(2).map(|pair| (pair[1] - pair[0]) * wanted.width).collect();
    let counted = self::rows(split(&mut notes, &lengths), width, cancel)?;
    Ok((counted, places))
}

#[inline]
fn each_item(sorted: &Sorted, chunk: &std::ops::Range<usize>, mut each: impl FnMut(u32, usize, usize)) {
    let positions = sorted.positions[chunk.clone()].iter();
    let shared = sorted.shared[chunk.clone()].iter().zip(&sorted.lengths[chunk.clone()]);
    for (&position, (&shared, &length)) in positions.zip(shared) {
        each(position, usize::from(shared), usize::from(length));
    }
}

/// The rows of the matrix from the columns (plus one; zeros are skipped) of each, with repeats and in any order.
pub(super) fn rows(mut notes: Vec<&mut [u32]>, width: usize, cancel: &Cancel) -> Result<Counted> {
    let sizes: Vec<usize> = notes
        .par_iter_mut()
        .map(|row| {
            if row.len() > POLL {
                cancel.check()?;
            }
            row.sort_unstable();
            Ok(runs(row).count())
        })
        .collect::<Result<_>>()?;
    cancel.check()?;
    let total = sizes.iter().sum();
    let mut counted = Counted {
        starts: Vec::with_capacity(sizes.len() + 1),
        columns: vec![0; total],
        counts: vec![0; total],
        width,
    };
    let mut start = 0;
    counted.starts.push(0);
    for &size in &sizes {
        start += size as i64;
        counted.starts.push(start);
    }
    split(&mut counted.columns, &sizes)
        .into_par_iter()
        .zip(split(&mut counted.counts, &sizes))
        .zip(&notes)
        .for_each(|((columns, counts), row)| {
            for ((column, count), run) in columns.iter_mut().zip(counts).zip(runs(row)) {
                (*column, *count) = (run[0] - 1, run.len() as u32);
            }
        });
    Ok(counted)
}

/// Runs of equal numbers above zero in a sorted row.
fn runs(row: &[u32]) -> impl Iterator<Item = &[u32]> {
    row.chunk_by(|a, b| a == b).filter(|run| run[0] > 0)
}
