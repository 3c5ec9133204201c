//! Sorted runs to one sorted stream: a heap of readers.

use std::cmp::Ordering;

use ferrolm_base::Cancel;

use super::rows::{BUFFER, RowReader, Section};
use super::store::Store;
use crate::error::Result;

/// More runs than this are merged in several rounds.
pub(super) const MAX_RUNS: usize = if cfg!(test) { 3 } else { 64 };
/// Rows between two looks at the cancel flag.
pub(super) const POLL: u64 = 1 << 16;

/// Readers of sorted runs; the one with the smallest row is at the front.
pub(super) struct Merge {
    readers: Vec<RowReader>,
    /// A heap of indices of readers that have rows left.
    heap: Vec<u32>,
    /// Rows are sorted by their first numbers, so many of them.
    key: usize,
}

impl Merge {
    /// `memory`: bytes for the buffers.
    pub fn open(store: &Store, runs: &[Section], key: usize, memory: usize) -> Result<Self> {
        let buffer = (memory / 4 / runs.len().max(1)).clamp(1 << 10, BUFFER);
        let readers =
            runs.iter().map(|run| RowReader::open(store, run, buffer)).collect::<Result<Vec<_>>>()?;
        let heap = (0..).zip(&readers).filter(|(_, reader)| reader.row().is_some()).map(|(i, _)| i).collect();
        let mut merge = Self { readers, heap, key };
        for place in (0..merge.heap.len() / 2).rev() {
            merge.sift(place);
        }
        Ok(merge)
    }

    /// The smallest row.
    #[inline]
    pub fn row(&self) -> Option<&[u32]> {
        self.readers[*self.heap.first()? as usize].row()
    }

    #[inline]
    pub fn advance(&mut self) -> Result<()> {
        let Some(&first) = self.heap.first() else { return Ok(()) };
        let reader = &mut self.readers[first as usize];
        reader.advance()?;
        if reader.row().is_none() {
            self.heap.swap_remove(0);
        }
        self.sift(0);
        Ok(())
    }

    fn compare(&self, a: u32, b: u32) -> Ordering {
        let key = |reader: u32| self.readers[reader as usize].row().map(|row| &row[..self.key]);
        key(a).cmp(&key(b)).then(a.cmp(&b))
    }

    fn sift(&mut self, mut place: usize) {
        loop {
            let mut least = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < self.heap.len()
                    && self.compare(self.heap[child], self.heap[least]) == Ordering::Less
                {
                    least = child;
                }
            }
            if least == place {
                return;
            }
            self.heap.swap(place, least);
            place = least;
        }
    }
}

/// Rows of the n-gram `row[..key]` and its count in two numbers, runs of equal n-grams added up.
pub(super) fn merge_counts(
    store: &Store,
    runs: &[Section],
    key: usize,
    memory: usize,
    cancel: &Cancel,
    mut each: impl FnMut(&[u32], u64) -> Result<()>,
) -> Result<()> {
    let mut merge = Merge::open(store, runs, key, memory)?;
    let mut current: Vec<u32> = Vec::with_capacity(key);
    let (mut count, mut seen) = (0u64, 0u64);
    while let Some(row) = merge.row() {
        if row[..key] != current[..] {
            if count > 0 {
                each(&current, count)?;
            }
            current.clear();
            current.extend_from_slice(&row[..key]);
            count = 0;
        }
        // Counts that are given can be of any size.
        count = count.saturating_add(u64::from(row[key]) | u64::from(row[key + 1]) << 32);
        merge.advance()?;
        seen += 1;
        if seen.is_multiple_of(POLL) {
            cancel.check()?;
        }
    }
    if count > 0 {
        each(&current, count)?;
    }
    Ok(())
}

/// A count in two numbers.
pub(super) fn halves(count: u64) -> [u32; 2] {
    [count as u32, (count >> 32) as u32]
}
