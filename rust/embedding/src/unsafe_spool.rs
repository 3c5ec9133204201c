//! A long list of ids: in memory up to a limit, beyond it in a temporary file that is read through a memory map.
//!
//! The file has no name and vanishes with its last user; it lies where the system keeps temporary files (`TMPDIR`).
//! All `unsafe` here is the mapping of that file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use ferrolm_base::FileError;
use memmap2::Mmap;

use crate::EmbeddingError;

/// 256 MiB.
pub(crate) const IDS_IN_MEMORY: usize = 1 << 26;

/// Takes ids one by one.
#[derive(Debug)]
pub(crate) struct SpoolWriter {
    limit: usize,
    memory: Vec<u32>,
    file: Option<BufWriter<File>>,
}

/// The ids that were written.
#[derive(Clone, Debug)]
pub(crate) enum Spool {
    Memory(Arc<Vec<u32>>),
    File(Arc<Mmap>),
}

impl SpoolWriter {
    /// Keep `limit` ids in memory.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), memory: Vec::new(), file: None }
    }

    #[inline]
    pub(crate) fn push(&mut self, id: u32) -> Result<(), EmbeddingError> {
        if self.memory.len() >= self.limit {
            self.flush()?;
        }
        self.memory.push(id);
        Ok(())
    }

    #[cold]
    fn flush(&mut self) -> Result<(), EmbeddingError> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::new(tempfile::tempfile().map_err(failed)?)),
        };
        file.write_all(bytemuck::cast_slice(&self.memory)).map_err(failed)?;
        self.memory.clear();
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Spool, EmbeddingError> {
        if self.file.is_none() {
            return Ok(Spool::Memory(Arc::new(self.memory)));
        }
        self.flush()?;
        let file = self.file.take().map(BufWriter::into_inner).transpose();
        let file = file.map_err(|error| failed(error.into_error()))?;
        let map = file.map(|file| {
            // SAFETY: the file was made by `tempfile` without a name, so that nobody else can change it, and this
            // was its only handle, through which nothing is written any more.
            unsafe { Mmap::map(&file) }
        });
        let map = map.transpose().map_err(failed)?;
        Ok(map.map_or_else(|| Spool::Memory(Arc::default()), |map| Spool::File(Arc::new(map))))
    }
}

impl Spool {
    pub(crate) fn ids(&self) -> &[u32] {
        match self {
            Self::Memory(ids) => ids,
            // Pages are aligned, and whole ids were written.
            Self::File(map) => bytemuck::try_cast_slice(map).unwrap_or_default(),
        }
    }
}

fn failed(error: io::Error) -> EmbeddingError {
    FileError::new("spool ids to a temporary file in", Path::new(&std::env::temp_dir()), error).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_from_memory_and_from_a_file() {
        for limit in [1, 7, 100, 1000] {
            let mut writer = SpoolWriter::new(limit);
            (0..100).try_for_each(|id| writer.push(id * 3)).unwrap();
            let spool = writer.finish().unwrap();
            assert_eq!(matches!(spool, Spool::File(_)), limit < 100);
            assert!(spool.ids().iter().copied().eq((0..100).map(|id| id * 3)));
        }
        assert!(SpoolWriter::new(1).finish().unwrap().ids().is_empty());
    }
}
