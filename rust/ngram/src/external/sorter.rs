//! Sorting more records than fit into memory: sorted runs, then a merge.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use super::merge::{Merge, POLL};
use super::rows::{RowWriter, Section};
use super::store::Store;
use crate::error::Result;

/// Sorts records of three numbers by all of them, the first counting most.
pub(super) struct Sorter<'a> {
    store: &'a Store,
    /// What the files of the runs are called.
    name: String,
    /// Records as one number each.
    buffer: Vec<u128>,
    capacity: usize,
    runs: Vec<Section>,
}

const LEAST: usize = if cfg!(test) { 1 << 4 } else { 1 << 12 };

impl<'a> Sorter<'a> {
    /// `memory`: bytes for records in memory.
    pub fn new(store: &'a Store, name: &str, memory: usize) -> Self {
        let capacity = (memory / size_of::<u128>()).max(LEAST);
        Self { store, name: name.to_owned(), buffer: Vec::new(), capacity, runs: Vec::new() }
    }

    #[inline]
    pub fn push(&mut self, record: [u32; 3]) -> Result<()> {
        if self.buffer.len() == self.capacity {
            self.spill()?;
        }
        self.buffer.push(record.iter().fold(0, |packed, &number| packed << 32 | u128::from(number)));
        Ok(())
    }

    fn spill(&mut self) -> Result<()> {
        self.buffer.par_sort_unstable();
        let name = format!("{}-{}", self.name, self.runs.len());
        let mut writer = RowWriter::create(self.store, &name)?;
        for &packed in &self.buffer {
            writer.push(&unpack(packed))?;
        }
        writer.finish()?;
        self.runs.push(Section { name, start: 0, rows: self.buffer.len() as u64, width: 3 });
        self.buffer.clear();
        Ok(())
    }

    /// Call `each` with all records in order.
    pub fn finish(mut self, cancel: &Cancel, mut each: impl FnMut([u32; 3]) -> Result<()>) -> Result<()> {
        cancel.check()?;
        if self.runs.is_empty() {
            self.buffer.par_sort_unstable();
            for (index, &packed) in self.buffer.iter().enumerate() {
                each(unpack(packed))?;
                if (index as u64).is_multiple_of(POLL) {
                    cancel.check()?;
                }
            }
            return Ok(());
        }
        self.spill()?;
        let memory = std::mem::take(&mut self.buffer).capacity() * size_of::<u128>();
        let mut merge = Merge::open(self.store, &self.runs, 3, memory)?;
        let mut seen = 0u64;
        while let Some(row) = merge.row().and_then(|row| row.first_chunk().copied()) {
            each(row)?;
            merge.advance()?;
            seen += 1;
            if seen.is_multiple_of(POLL) {
                cancel.check()?;
            }
        }
        drop(merge);
        self.runs.iter().for_each(|run| self.store.remove(&run.name));
        Ok(())
    }
}

fn unpack(packed: u128) -> [u32; 3] {
    [(packed >> 64) as u32, (packed >> 32) as u32, packed as u32]
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_come_out_sorted(
            records in prop::collection::vec(any::<[u32; 3]>(), 0..300),
            repeat in 0usize..3,
        ) {
            let store = Store::nameless(None);
            let mut sorter = Sorter::new(&store, "s", 0);
            let mut expected = Vec::new();
            for _ in 0..=repeat {
                for &record in &records {
                    sorter.push(record).unwrap();
                    expected.push(record);
                }
            }
            expected.sort_unstable();
            let mut sorted = Vec::new();
            sorter.finish(&NEVER, |record| { sorted.push(record); Ok(()) }).unwrap();
            prop_assert_eq!(sorted, expected);
        }
    }
}
