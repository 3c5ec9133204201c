//! Files of what was seen: magic bytes, a version, numbers and arrays, and a hash of it all at the end.

use std::io::Write;
use std::path::{Path, PathBuf};

use ferrolm_base::atomic_file::AtomicFile;
use ferrolm_base::{Cancel, FileError, read};

use crate::duplicates::DuplicatesError;
use crate::hash::{fold, hash64};

const VERSION: u64 = 1;
/// Bytes between two looks at the cancel flag, and of one step of the checksum.
const BLOCK: usize = 1 << 16;

pub struct Writer<'c> {
    file: AtomicFile,
    path: PathBuf,
    block: Vec<u8>,
    sum: u64,
    cancel: &'c Cancel,
}

impl<'c> Writer<'c> {
    pub fn create(path: &Path, magic: [u8; 8], cancel: &'c Cancel) -> Result<Self, DuplicatesError> {
        let file = AtomicFile::create(path)?;
        let mut writer =
            Self { file, path: path.to_owned(), block: Vec::with_capacity(BLOCK), sum: 0, cancel };
        writer.bytes(&magic)?;
        writer.number(VERSION)?;
        Ok(writer)
    }

    pub fn number(&mut self, value: u64) -> Result<(), DuplicatesError> {
        self.bytes(&value.to_le_bytes())
    }

    pub fn bytes(&mut self, mut bytes: &[u8]) -> Result<(), DuplicatesError> {
        while !bytes.is_empty() {
            let room = BLOCK - self.block.len();
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == BLOCK {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DuplicatesError> {
        self.cancel.check()?;
        self.sum = next_sum(self.sum, &self.block);
        self.write(&self.block.clone())?;
        self.block.clear();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), DuplicatesError> {
        Ok(self.file.write_all(bytes).map_err(|error| FileError::new("write", &self.path, error))?)
    }

    pub fn finish(mut self) -> Result<(), DuplicatesError> {
        self.flush()?;
        let sum = self.sum;
        self.write(&sum.to_le_bytes())?;
        Ok(self.file.commit()?)
    }
}

fn next_sum(sum: u64, block: &[u8]) -> u64 {
    fold(sum ^ hash64(block, 0), 0x9e37_79b9_7f4a_7c15)
}

/// Reads what [`Writer`] wrote, after its checksum was found right.
pub struct Reader<'b> {
    path: &'b Path,
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub fn load(path: &Path) -> Result<Vec<u8>, DuplicatesError> {
        Ok(read::bytes(path, u64::MAX)?)
    }

    pub fn open(path: &'b Path, magic: [u8; 8], content: &'b [u8]) -> Result<Self, DuplicatesError> {
        let name = String::from_utf8_lossy(magic.trim_ascii_end()).trim_end_matches('\0').to_owned();
        let mut reader = Self { path, rest: content };
        if reader.array::<8>().ok() != Some(magic) {
            return Err(
                reader.invalid(format!("it does not begin with {name}, as the file of such a state does"))
            );
        }
        let (body, sum) = content
            .split_last_chunk::<8>()
            .filter(|(body, _)| body.len() >= 16)
            .ok_or_else(|| reader.invalid("it is shorter than its header".into()))?;
        let expected = body.chunks(BLOCK).fold(0, next_sum);
        // A body of whole blocks was flushed once more, empty.
        let expected = if body.len().is_multiple_of(BLOCK) { next_sum(expected, &[]) } else { expected };
        let version = reader.number()?;
        if version != VERSION {
            return Err(reader.invalid(format!("it has version {version}, and this release reads {VERSION}")));
        }
        if expected != u64::from_le_bytes(*sum) {
            return Err(reader.invalid("its checksum is wrong: the file is damaged or incomplete".into()));
        }
        reader.rest = body.get(16..).unwrap_or_default();
        Ok(reader)
    }

    pub fn invalid(&self, reason: String) -> DuplicatesError {
        DuplicatesError::InvalidFile { path: self.path.to_owned(), reason }
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DuplicatesError> {
        let (first, rest) =
            self.rest.split_first_chunk::<N>().ok_or_else(|| self.invalid("it ends too early".into()))?;
        self.rest = rest;
        Ok(*first)
    }

    pub fn number(&mut self) -> Result<u64, DuplicatesError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// How many entries of `size` bytes follow; no more than there is room for.
    pub fn count(&mut self, size: usize) -> Result<usize, DuplicatesError> {
        let count = self.number()?;
        let room = self.rest.len() / size.max(1);
        usize::try_from(count)
            .ok()
            .filter(|&count| count <= room)
            .ok_or_else(|| self.invalid(format!("it announces {count} entries and has room for {room}")))
    }

    pub fn finish(self) -> Result<(), DuplicatesError> {
        let left = self.rest.len();
        if left == 0 {
            Ok(())
        } else {
            Err(self.invalid(format!("it has {left} bytes after its last entry")))
        }
    }
}
