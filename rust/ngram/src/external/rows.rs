//! Tables of numbers in files: rows of so many 32-bit numbers, written and read from front to back.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ferrolm_base::FileError;

use super::store::Store;
use crate::error::Result;
use crate::unsafe_array::{as_bytes, as_bytes_mut};

/// Numbers that a buffer holds unless the memory is short.
pub(super) const BUFFER: usize = 1 << 18;

/// Part of a file: rows from `start` on.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub name: String,
    /// Numbers, not bytes, from the front of the file.
    pub start: u64,
    pub rows: u64,
    pub width: usize,
}

pub(super) struct RowWriter {
    file: Arc<File>,
    path: PathBuf,
    buffer: Vec<u32>,
    /// Where the buffer goes, in numbers from the front of the file.
    at: u64,
    /// Whether the rows must be there after the system has failed.
    durable: bool,
}

impl RowWriter {
    pub fn create(store: &Store, name: &str) -> Result<Self> {
        Ok(Self::at(store, store.create(name)?, name, 0))
    }

    /// Write into an open file, from number `at` on.
    pub fn at(store: &Store, file: Arc<File>, name: &str, at: u64) -> Self {
        let (path, durable) = (store.path(name), store.is_kept());
        Self { file, path, buffer: Vec::with_capacity(BUFFER), at, durable }
    }

    #[inline]
    pub fn push(&mut self, row: &[u32]) -> Result<()> {
        if self.buffer.len() + row.len() > BUFFER {
            self.flush()?;
        }
        self.buffer.extend_from_slice(row);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let failed = |error| FileError::new("write", &self.path, error);
        write_at(&self.file, as_bytes(&self.buffer), self.at * 4).map_err(failed)?;
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    pub fn finish(mut self) -> Result<()> {
        self.flush()?;
        let failed = |error| FileError::new("write", &self.path, error);
        if self.durable {
            self.file.sync_data().map_err(failed)?;
        }
        Ok(())
    }
}

pub(super) struct RowReader {
    file: Arc<File>,
    path: PathBuf,
    width: usize,
    buffer: Vec<u32>,
    /// The current row begins here.
    place: usize,
    /// Numbers of the file that are not in the buffer yet: from `at` on.
    at: u64,
    left: u64,
}

impl RowReader {
    /// The rows of a section; `buffer` is the size of the buffer in numbers.
    pub fn open(store: &Store, section: &Section, buffer: usize) -> Result<Self> {
        let width = section.width.max(1);
        let mut reader = Self {
            file: store.open(&section.name)?,
            path: store.path(&section.name),
            width,
            buffer: Vec::with_capacity((buffer / width).max(1) * width),
            place: 0,
            at: section.start,
            left: section.rows * width as u64,
        };
        reader.fill()?;
        Ok(reader)
    }

    /// All rows of a file of `rows` rows.
    pub fn whole(store: &Store, name: &str, width: usize, rows: u64) -> Result<Self> {
        Self::open(store, &Section { name: name.to_owned(), start: 0, rows, width }, BUFFER)
    }

    /// The current row; `None` after the last.
    #[inline]
    pub fn row(&self) -> Option<&[u32]> {
        self.buffer.get(self.place..self.place + self.width)
    }

    #[inline]
    pub fn advance(&mut self) -> Result<()> {
        self.place += self.width;
        if self.place >= self.buffer.len() { self.fill() } else { Ok(()) }
    }

    /// All rows in the buffer from the current one on; `None` after the last.
    pub fn rows(&self) -> Option<&[u32]> {
        self.buffer.get(self.place..).filter(|rows| !rows.is_empty())
    }

    /// On to the row after those of [`rows`](Self::rows).
    pub fn skip(&mut self) -> Result<()> {
        self.fill()
    }

    /// The current row's only number, and on to the next row.
    #[inline]
    pub fn take(&mut self) -> Result<Option<u32>> {
        let number = self.buffer.get(self.place).copied();
        if number.is_some() {
            self.advance()?;
        }
        Ok(number)
    }

    /// The current row as an array, and on to the next row.
    #[inline]
    pub fn take_row<const N: usize>(&mut self) -> Result<Option<[u32; N]>> {
        let row = self.row().and_then(|row| row.first_chunk().copied());
        if row.is_some() {
            self.advance()?;
        }
        Ok(row)
    }

    fn fill(&mut self) -> Result<()> {
        self.place = 0;
        let count = (self.buffer.capacity() / self.width * self.width).min(self.left as usize);
        self.buffer.resize(count, 0);
        let failed = |error| FileError::new("read", &self.path, error);
        read_at(&self.file, as_bytes_mut(&mut self.buffer), self.at * 4).map_err(failed)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(())
    }
}

/// All numbers of a section at once.
pub(super) fn read_all(store: &Store, section: &Section) -> Result<Vec<u32>> {
    let mut numbers = vec![0; section.rows as usize * section.width];
    let path = store.path(&section.name);
    let failed = |error| FileError::new("read", &path, error);
    read_at(&*store.open(&section.name)?, as_bytes_mut(&mut numbers), section.start * 4).map_err(failed)?;
    Ok(numbers)
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn write_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, at)?;
        (bytes, at) = (&bytes[written..], at + written as u64);
    }
    Ok(())
}

#[cfg(windows)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        match std::os::windows::fs::FileExt::seek_read(file, &mut bytes[filled..], at + filled as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_across_buffers() {
        let store = Store::nameless(None);
        let mut writer = RowWriter::create(&store, "t").unwrap();
        for i in 0..1000 {
            writer.push(&[i, i * 2, i * 3]).unwrap();
        }
        writer.finish().unwrap();
        for buffer in [1, 7, 64, BUFFER] {
            let section = Section { name: "t".to_owned(), start: 30, rows: 980, width: 3 };
            let mut reader = RowReader::open(&store, &section, buffer).unwrap();
            let mut seen = 0;
            while let Some(row) = reader.take_row::<3>().unwrap() {
                assert_eq!(row, [seen + 10, (seen + 10) * 2, (seen + 10) * 3]);
                seen += 1;
            }
            assert_eq!(seen, 980);
        }
        let error = read_all(&store, &Section { name: "t".to_owned(), start: 0, rows: 1001, width: 3 });
        assert!(error.unwrap_err().to_string().contains("cannot read"));
    }
}
