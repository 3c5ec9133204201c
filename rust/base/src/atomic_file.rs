//! Files that are written whole or not at all.
//!
//! Bytes go to a temporary file beside the target; [`AtomicFile::commit`] syncs it and renames it over the target.
//! If the writer is dropped, panics or is killed before that, the target is what it was.
//! A device or a pipe (`/dev/stdout`, `/dev/null`) is written to as it is: renamed over, it would be gone.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::FileError;

/// A buffered writer that replaces its target on [`commit`](Self::commit).
pub struct AtomicFile {
    target: PathBuf,
    writer: BufWriter<Sink>,
}

enum Sink {
    Beside(NamedTempFile),
    Stream(File),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Beside(file) => file.write(bytes),
            Self::Stream(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Beside(file) => file.flush(),
            Self::Stream(file) => file.flush(),
        }
    }
}

impl AtomicFile {
    pub fn create(target: &Path) -> Result<Self, FileError> {
        let new = |sink| Self { target: target.to_owned(), writer: BufWriter::with_capacity(1 << 18, sink) };
        if std::fs::metadata(target).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            let stream = OpenOptions::new().write(true).open(target);
            return stream.map(Sink::Stream).map(new).map_err(|e| FileError::new("write", target, e));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".ferrolm-").suffix(".tmp");
        #[cfg(unix)]
        {
            // The default of temporary files (0600) would stay after the rename; the umask narrows this one.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(parent(target)).map_err(|e| FileError::new("write", target, e))?;
        Ok(new(Sink::Beside(file)))
    }

    /// Make the new content durable and visible under the target's name.
    pub fn commit(self) -> Result<(), FileError> {
        let Self { target, writer } = self;
        let failed = |error: io::Error| FileError::new("write", &target, error);
        let file = match writer.into_inner().map_err(|e| failed(e.into_error()))? {
            Sink::Beside(file) => file,
            Sink::Stream(mut stream) => return stream.flush().map_err(failed),
        };
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&target).map_err(|e| FileError::new("replace", &target, e.error))?;
        // The rename itself is durable once the directory is; not every file system lets one sync it.
        #[cfg(unix)]
        if let Ok(directory) = File::open(parent(&target)) {
            drop(directory.sync_all());
        }
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Write `bytes` to `target`, whole or not at all.
pub fn write(target: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut file = AtomicFile::create(target)?;
    file.write_all(bytes).map_err(|e| FileError::new("write", target, e))?;
    file.commit()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_file_stays_until_the_commit() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("model.bin");
        write(&target, b"old").unwrap();
        let mut file = AtomicFile::create(&target).unwrap();
        file.write_all(b"half of the new").unwrap();
        drop(file);
        assert_eq!(std::fs::read(&target).unwrap(), b"old");
        write(&target, b"new").unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_written_to_and_not_replaced() {
        use std::os::unix::fs::FileTypeExt;
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read(pipe).unwrap()
        });
        write(&pipe, b"through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = write(Path::new("/nowhere/at/all.bin"), b"x").unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all.bin"), "{error}");
    }
}
