//! Opening files, and reading whole ones within a limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::FileError;

/// The content of `path`, refused if it has more than `limit` bytes.
///
/// Never reserves more than the file's own size, so a lying size cannot exhaust the memory.
pub fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let failed = |error| FileError::new("read", path, error);
    let file = open(path)?;
    let metadata = file.metadata().map_err(failed)?;
    let mut content = Vec::with_capacity(metadata.len().min(limit) as usize);
    file.take(limit.saturating_add(1)).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > limit {
        let message = format!("it has more than the {limit} bytes allowed");
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, message)));
    }
    Ok(content)
}

/// A regular file, opened. A pipe would be waited for until somebody writes to it, and Ctrl-C would not be answered.
pub fn open(path: &Path) -> Result<File, FileError> {
    let failed = |error| FileError::new("read", path, error);
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")));
    }
    if !metadata.is_file() {
        let message = "it is a pipe, a socket or a device, expected a regular file";
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, message)));
    }
    File::open(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_inclusive() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"12345").unwrap();
        assert_eq!(bytes(file.path(), 5).unwrap(), b"12345");
        assert!(bytes(file.path(), 4).unwrap_err().to_string().contains("more than the 4 bytes"));
    }

    #[test]
    fn directories_and_missing_files_are_named() {
        let directory = tempfile::tempdir().unwrap();
        assert!(bytes(directory.path(), 9).unwrap_err().to_string().contains("directory"));
        assert!(bytes(Path::new("/dev/zero"), 9).unwrap_err().to_string().contains("a device"));
        let missing = directory.path().join("missing");
        assert!(bytes(&missing, 9).unwrap_err().to_string().contains("missing"));
    }
}
