//! Counts of the many rare pairs: sorted runs, in memory as far as allowed, then in a temporary file.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ferrolm_base::FileError;

use crate::EmbeddingError;

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The row above the column.
    key: u64,
    sum: u64,
}

const ENTRY: usize = size_of::<Entry>();
/// Entries that are sorted at a time: some 30 ms, so that Ctrl-C is answered.
const LONGEST_BUFFER: usize = 1 << 20;

/// Takes counts in any order, gives them back by key.
#[derive(Debug)]
pub(super) struct Sparse {
    buffer: Vec<Entry>,
    capacity: usize,
    /// Entries that may still be kept in memory.
    room: usize,
    memory: Vec<Vec<Entry>>,
    directory: Option<PathBuf>,
    disk: Option<Disk>,
}

/// Runs one after another in a file without a name, which vanishes with the process at the latest.
#[derive(Debug)]
struct Disk {
    file: File,
    /// Entries before the end of each run.
    ends: Vec<u64>,
}

impl Sparse {
    /// Keeps about `bytes` in memory.
    pub(super) fn new(bytes: u64, directory: Option<PathBuf>) -> Self {
        let entries = (bytes / ENTRY as u64) as usize;
        let capacity = (entries / 2).clamp(64, LONGEST_BUFFER);
        let room = entries.saturating_sub(capacity);
        Self { buffer: Vec::new(), capacity, room, memory: Vec::new(), directory, disk: None }
    }

    #[inline(always)]
    pub(super) fn add(&mut self, row: u32, column: u32, sum: u64) -> Result<(), EmbeddingError> {
        if self.buffer.len() == self.capacity {
            self.make_room()?;
        }
        self.buffer.push(Entry { key: u64::from(row) << 32 | u64::from(column), sum });
        Ok(())
    }

    #[cold]
    fn make_room(&mut self) -> Result<(), EmbeddingError> {
        combine(&mut self.buffer);
        // Runs of less than half the buffer would be many; adding up made room enough.
        if self.buffer.len() > self.capacity / 2 { self.put_aside() } else { Ok(()) }
    }

    fn put_aside(&mut self) -> Result<(), EmbeddingError> {
        if self.buffer.len() <= self.room {
            self.room -= self.buffer.len();
            self.memory.push(self.buffer.as_slice().to_vec());
        } else {
            let directory = self.directory.clone().unwrap_or_else(std::env::temp_dir);
            self.spill(&directory)
                .map_err(|error| FileError::new("write temporary files in", &directory, error))?;
        }
        self.buffer.clear();
        Ok(())
    }

    fn spill(&mut self, directory: &Path) -> io::Result<()> {
        if self.disk.is_none() {
            self.disk = Some(Disk { file: tempfile::tempfile_in(directory)?, ends: Vec::new() });
        }
        let Some(disk) = &mut self.disk else { return Ok(()) };
        let mut bytes = Vec::with_capacity(ENTRY * 4096);
        for entries in self.buffer.chunks(4096) {
            bytes.clear();
            for entry in entries {
                bytes.extend(entry.key.to_ne_bytes());
                bytes.extend(entry.sum.to_ne_bytes());
            }
            disk.file.write_all(&bytes)?;
        }
        let before = disk.ends.last().copied().unwrap_or(0);
        disk.ends.push(before + self.buffer.len() as u64);
        Ok(())
    }

    pub(super) fn finish(&mut self) {
        combine(&mut self.buffer);
        // The buffer stays as the last run.
        self.memory.push(std::mem::take(&mut self.buffer));
    }

    /// Of all runs: as many as there are keys, or more.
    pub(super) fn entries(&self) -> u64 {
        let memory: usize = self.memory.iter().map(Vec::len).sum();
        memory as u64 + self.disk.as_ref().and_then(|disk| disk.ends.last().copied()).unwrap_or(0)
    }

    pub(super) fn spilled(&self) -> bool {
        self.disk.is_some()
    }

    /// Calls `visit` with each key and its sum, by key.
    pub(super) fn merge(
        self,
        mut visit: impl FnMut(u64, u64) -> Result<(), EmbeddingError>,
    ) -> Result<(), EmbeddingError> {
        let directory = self.directory.unwrap_or_else(std::env::temp_dir);
        let failed = |error| FileError::new("read temporary files in", &directory, error);
        let mut runs: Vec<Run> = self.memory.into_iter().map(Run::of_memory).collect();
        let mut file = None;
        if let Some(disk) = self.disk {
            // What the runs in memory may take, the buffers of those on disk may take once more.
            let length = (self.capacity / disk.ends.len()).clamp(16, 1 << 14);
            let starts = std::iter::once(0).chain(disk.ends.iter().copied());
            runs.extend(starts.zip(&disk.ends).map(|(start, &end)| Run::of_disk(start, end, length)));
            file = Some(disk.file);
        }
        let mut heads = BinaryHeap::with_capacity(runs.len());
        for (index, run) in runs.iter_mut().enumerate() {
            heads.extend(
                run.next(file.as_mut()).map_err(failed)?.map(|entry| Reverse((entry.key, index, entry.sum))),
            );
        }
        let mut current: Option<Entry> = None;
        while let Some(mut head) = heads.peek_mut() {
            let Reverse((key, index, sum)) = *head;
            match &mut current {
                Some(entry) if entry.key == key => entry.sum += sum,
                _ => {
                    if let Some(Entry { key, sum }) = current.replace(Entry { key, sum }) {
                        visit(key, sum)?;
                    }
                }
            }
            match runs[index].next(file.as_mut()).map_err(failed)? {
                Some(entry) => *head = Reverse((entry.key, index, entry.sum)),
                None => drop(std::collections::binary_heap::PeekMut::pop(head)),
            }
        }
        current.map_or(Ok(()), |entry| visit(entry.key, entry.sum))
    }
}

/// Sorts by key and adds up.
fn combine(entries: &mut Vec<Entry>) {
    entries.sort_unstable_by_key(|entry| entry.key);
    entries.dedup_by(|next, kept| {
        let equal = next.key == kept.key;
        if equal {
            kept.sum += next.sum;
        }
        equal
    });
}

/// One run being read.
struct Run {
    entries: Vec<Entry>,
    at: usize,
    /// Entries of the file that are not read yet.
    rest: std::ops::Range<u64>,
    length: usize,
}

impl Run {
    fn of_memory(entries: Vec<Entry>) -> Self {
        Self { entries, at: 0, rest: 0..0, length: 0 }
    }

    fn of_disk(start: u64, end: u64, length: usize) -> Self {
        Self { entries: Vec::new(), at: 0, rest: start..end, length }
    }

    #[inline]
    fn next(&mut self, file: Option<&mut File>) -> io::Result<Option<Entry>> {
        if self.at == self.entries.len() && !self.rest.is_empty() {
            self.fill(file)?;
        }
        let entry = self.entries.get(self.at).copied();
        self.at += 1;
        Ok(entry)
    }

    #[cold]
    fn fill(&mut self, file: Option<&mut File>) -> io::Result<()> {
        let Some(file) = file else { return Ok(()) };
        let count = self.length.min((self.rest.end - self.rest.start) as usize);
        let mut bytes = vec![0; count * ENTRY];
        file.seek(SeekFrom::Start(self.rest.start * ENTRY as u64))?;
        file.read_exact(&mut bytes)?;
        let numbers = bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_ne_bytes(*bytes));
        let numbers: Vec<u64> = numbers.collect();
        self.entries.clear();
        self.entries.extend(numbers.as_chunks::<2>().0.iter().map(|&[key, sum]| Entry { key, sum }));
        self.at = 0;
        self.rest.start += count as u64;
        Ok(())
    }
}
