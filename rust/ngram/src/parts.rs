//! Files of arrays as they lie in memory: parts padded to 8 bytes and a checksum at the end, so that loading is one
//! read, or a mapping.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use ferrolm_base::{Cancel, FileError, read};
use flate2::Crc;

use crate::error::{NgramError, Result};
use crate::unsafe_array::{Array, Buffer, LINE, Plain, as_bytes, as_bytes_mut};

pub(crate) const UNIT: usize = 8;
/// Bytes between two looks at the cancel flag.
const BLOCK: usize = 1 << 22;

#[cfg(target_endian = "big")]
compile_error!("these files are kept as little-endian memory; a big-endian port needs a conversion");

pub(crate) const fn padded(length: usize) -> usize {
    length.next_multiple_of(UNIT)
}

/// Writes the parts of a file one after the other.
pub(crate) struct PartWriter<'a, W> {
    to: W,
    crc: Crc,
    /// Bytes of the file so far.
    written: usize,
    path: &'a Path,
    cancel: &'a Cancel,
}

impl<'a, W: Write> PartWriter<'a, W> {
    /// `path` is for messages.
    pub fn new(to: W, path: &'a Path, cancel: &'a Cancel) -> Self {
        Self { to, crc: Crc::new(), written: 0, path, cancel }
    }

    pub fn part(&mut self, bytes: &[u8]) -> Result<()> {
        self.extend(bytes)?;
        self.end_part()
    }

    /// An array as a part; one that lies in a mapped file is not needed soon.
    pub fn array<T: Plain>(&mut self, items: &Array<T>) -> Result<()> {
        self.part(as_bytes(items))?;
        items.release();
        Ok(())
    }

    /// More of the current part.
    pub fn extend(&mut self, bytes: &[u8]) -> Result<()> {
        for block in bytes.chunks(BLOCK) {
            self.cancel.check()?;
            self.crc.update(block);
            self.to.write_all(block).map_err(|error| FileError::new("write", self.path, error))?;
        }
        self.written += bytes.len();
        Ok(())
    }

    pub fn end_part(&mut self) -> Result<()> {
        self.extend(&[0; UNIT][..padded(self.written) - self.written])
    }

    /// Let the next part begin with a cache line.
    pub fn align(&mut self) -> Result<()> {
        self.extend(&[0; LINE][..self.written.next_multiple_of(LINE) - self.written])
    }

    /// The checksum; the file is complete then.
    pub fn finish(mut self) -> Result<W> {
        let sum = u64::from(self.crc.sum());
        self.part(&sum.to_le_bytes())?;
        Ok(self.to)
    }
}

/// Takes the parts of a file one after the other, without copying them.
pub(crate) struct PartReader<'a> {
    buffer: &'a Arc<Buffer>,
    at: usize,
}

impl<'a> PartReader<'a> {
    /// The parts from byte `at` on.
    pub fn new(buffer: &'a Arc<Buffer>, at: usize) -> Self {
        Self { buffer, at }
    }

    /// The next part, of `count` items; `None` if the file ends before.
    pub fn array<T: Plain>(&mut self, count: u64) -> Option<Array<T>> {
        let bytes = usize::try_from(count).ok()?.checked_mul(size_of::<T>())?;
        let end = self.at.checked_add(bytes)?;
        let array = Array::inside(self.buffer, self.at..end)?;
        self.at = end.checked_next_multiple_of(UNIT)?;
        Some(array)
    }

    /// The next part begins with a cache line.
    pub fn align(&mut self) -> Option<()> {
        self.at = self.at.checked_next_multiple_of(LINE)?;
        Some(())
    }

    /// Whether nothing but the checksum is left.
    pub fn is_done(&self) -> bool {
        self.at.checked_add(UNIT) == Some(self.buffer.bytes().len())
    }
}

/// The bytes of a file, read or mapped.
pub(crate) fn open(path: &Path, mapped: bool, cancel: &Cancel) -> Result<Buffer> {
    let failed = |error| NgramError::from(FileError::new("read", path, error));
    let mut file = read::open(path)?;
    if mapped {
        return Buffer::map(&file).map_err(failed);
    }
    // Memory is reserved for the real size only.
    let length = file.metadata().map_err(failed)?.len() as usize;
    let mut lines = Buffer::lines(length);
    for block in as_bytes_mut(&mut lines)[..length].chunks_mut(BLOCK) {
        cancel.check()?;
        file.read_exact(block).map_err(failed)?;
    }
    Ok(Buffer::Read(lines, length))
}

/// Compare the checksum of all bytes but the last 8 with those; a file of fewer bytes has none.
pub(crate) fn check_sum(bytes: &[u8], cancel: &Cancel) -> Result<std::result::Result<(), String>> {
    let Some((body, tail)) = bytes.split_last_chunk::<UNIT>() else {
        return Ok(Err("the file is too short".to_owned()));
    };
    let mut crc = Crc::new();
    for block in body.chunks(BLOCK) {
        cancel.check()?;
        crc.update(block);
    }
    let (stored, computed) = (u64::from_le_bytes(*tail), u64::from(crc.sum()));
    let message =
        || format!("the checksum is {stored:#x}, but the content has {computed:#x}: the file is damaged");
    Ok(if stored == computed { Ok(()) } else { Err(message()) })
}
