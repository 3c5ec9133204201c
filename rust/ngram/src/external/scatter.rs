//! Writing values to places in any order, reading them in order of the places: a permutation that does not fit into
//! memory. Values go to the file of their range of places; each range is then put in order by itself.

use ferrolm_base::Cancel;

use super::rows::{BUFFER, RowReader, RowWriter, Section};
use super::store::Store;
use crate::error::Result;
use crate::unsafe_memory::zeroed;

/// A row of `width` numbers for each of `length` places; places that get none are zero.
pub(super) struct Scatter<'a> {
    store: &'a Store,
    name: String,
    length: usize,
    width: usize,
    /// Places in each range.
    range: usize,
    target: Target,
}

enum Target {
    /// All of it fits.
    Memory(Vec<u32>),
    /// For each range its place in the range and its numbers; and how many rows were written.
    Files(Vec<(RowWriter, u64)>),
}

impl<'a> Scatter<'a> {
    /// `memory`: bytes for one range.
    pub fn new(store: &'a Store, name: &str, length: usize, width: usize, memory: usize) -> Result<Self> {
        // No more ranges than their buffers take about as much memory as one of them.
        let most = (memory / (BUFFER * 4)).max(if cfg!(test) { 5 } else { 2 });
        let range = (memory / (4 * width)).max(length.div_ceil(most)).max(1);
        let target = if length <= range {
            Target::Memory(zeroed(length * width))
        } else {
            let file = |i: usize| Ok((RowWriter::create(store, &format!("{name}-{i}"))?, 0));
            Target::Files((0..length.div_ceil(range)).map(file).collect::<Result<_>>()?)
        };
        Ok(Self { store, name: name.to_owned(), length, width, range, target })
    }

    #[inline]
    pub fn put(&mut self, place: u32, row: &[u32]) -> Result<()> {
        let place = place as usize;
        match &mut self.target {
            Target::Memory(all) => {
                all[place * self.width..(place + 1) * self.width].copy_from_slice(row);
                Ok(())
            }
            Target::Files(files) => {
                let (writer, rows) = &mut files[place / self.range];
                *rows += 1;
                writer.push(&[(place % self.range) as u32])?;
                writer.push(row)
            }
        }
    }

    /// Call `each` with all rows, in the order of their places.
    pub fn finish(self, cancel: &Cancel, mut each: impl FnMut(&[u32]) -> Result<()>) -> Result<()> {
        match self.target {
            Target::Memory(all) => {
                for block in all.chunks(self.width << 16) {
                    cancel.check()?;
                    block.chunks_exact(self.width).try_for_each(&mut each)?;
                }
            }
            Target::Files(files) => {
                for (i, (writer, rows)) in files.into_iter().enumerate() {
                    cancel.check()?;
                    writer.finish()?;
                    let name = format!("{}-{i}", self.name);
                    let places = self.range.min(self.length - i * self.range);
                    let mut all: Vec<u32> = zeroed(places * self.width);
                    let section = Section { name: name.clone(), start: 0, rows, width: self.width + 1 };
                    let mut reader = RowReader::open(self.store, &section, BUFFER)?;
                    while let Some((place, row)) = reader.row().and_then(|row| row.split_first()) {
                        let place = *place as usize;
                        all[place * self.width..(place + 1) * self.width].copy_from_slice(row);
                        reader.advance()?;
                    }
                    self.store.remove(&name);
                    cancel.check()?;
                    all.chunks_exact(self.width).try_for_each(&mut each)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;

    use super::*;

    #[test]
    fn rows_come_back_in_the_order_of_their_places() {
        let store = Store::nameless(None);
        let length = 100_003;
        for memory in [0, 1 << 22, 1 << 30] {
            let mut scatter = Scatter::new(&store, "s", length, 2, memory).unwrap();
            for i in 0..length as u32 {
                let place = (u64::from(i) * 7919 % length as u64) as u32;
                scatter.put(place, &[place + 1, place + 2]).unwrap();
            }
            let mut next = 0;
            scatter
                .finish(&NEVER, |row| {
                    assert_eq!(row, [next + 1, next + 2]);
                    next += 1;
                    Ok(())
                })
                .unwrap();
            assert_eq!(next as usize, length);
        }
    }
}
