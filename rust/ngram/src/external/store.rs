//! The files of one piece of work that does not fit into memory.
//!
//! Without a directory of the user's the files have no names: whatever ends the process, nothing of them is left. With
//! one they stay there under their names, beside a journal of the stages that are done, and the work can be resumed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ferrolm_base::FileError;

use crate::error::{NgramError, Result};

const JOURNAL: &str = "ferrolm-ngrams.journal";
/// What the names of the files of the stages start with.
const FILES: &[&str] = &[
    "children-",
    "counts",
    "grams-",
    "kept-",
    "keys-",
    "links-",
    "lower-",
    "merged-",
    "model.flm",
    "nodes-",
    "places-",
    "probabilities-",
    "runs-",
    "smoothed-",
    "suffix",
    "tokens-",
    "words-",
];
/// What the journal's first line starts with; the description of the work follows.
const TITLE: &str = "ferrolm n-grams 1 ";

pub(super) struct Store {
    place: Place,
    /// The stages that are done, with the numbers that they noted.
    done: BTreeMap<String, Vec<u64>>,
}

enum Place {
    /// Files without names in this directory.
    Nameless {
        directory: PathBuf,
        files: Mutex<BTreeMap<String, Arc<File>>>,
    },
    Kept {
        directory: PathBuf,
        journal: File,
    },
}

impl Store {
    /// Files without names, in `directory` or where the system keeps temporary files.
    pub fn nameless(directory: Option<&Path>) -> Self {
        let directory = directory.map_or_else(std::env::temp_dir, Path::to_owned);
        Self { place: Place::Nameless { directory, files: Mutex::default() }, done: BTreeMap::new() }
    }

    /// Files kept in `directory`, which is made if it is missing. `work` describes sources and options: unfinished work
    /// is resumed if it was the same, and refused otherwise.
    pub fn kept(directory: &Path, work: &str) -> Result<Self> {
        let failed = |error| NgramError::from(FileError::new("write", directory, error));
        fs::create_dir_all(directory).map_err(failed)?;
        let path = directory.join(JOURNAL);
        let mut options = File::options();
        let mut journal = options
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|e| FileError::new("write", &path, e))?;
        let mut text = String::new();
        journal.read_to_string(&mut text).map_err(|e| FileError::new("read", &path, e))?;
        let title = format!("{TITLE}{}\n", work.replace('\n', " "));
        if text.is_empty() {
            if fs::read_dir(directory).map_err(failed)?.count() > 1 {
                drop(fs::remove_file(&path));
                return Err(NgramError::InvalidArgument(format!(
                    "{} holds other files; the directory of unfinished work must be new, empty, or hold such work",
                    directory.display()
                )));
            }
            journal.write_all(title.as_bytes()).map_err(|e| FileError::new("write", &path, e))?;
        }
        let mut lines = text.split_inclusive('\n');
        if let Some(found) = lines.next().filter(|found| *found != title) {
            return Err(NgramError::InvalidArgument(format!(
                "{} holds unfinished work of another kind ({}), but this is {}; remove it or choose another directory",
                directory.display(),
                found.trim_end().trim_start_matches(TITLE),
                title.trim_end().trim_start_matches(TITLE),
            )));
        }
        // A line without its end was being written when the work was interrupted.
        let done = lines.filter_map(|line| line.strip_suffix('\n')).filter_map(entry).collect();
        Ok(Self { place: Place::Kept { directory: directory.to_owned(), journal }, done })
    }

    /// Whether the work can be resumed after the process has ended.
    pub fn is_kept(&self) -> bool {
        matches!(self.place, Place::Kept { .. })
    }

    /// What a file is called in messages.
    pub fn path(&self, name: &str) -> PathBuf {
        match &self.place {
            Place::Nameless { directory, .. } | Place::Kept { directory, .. } => directory.join(name),
        }
    }

    pub fn create(&self, name: &str) -> Result<Arc<File>> {
        let path = self.path(name);
        let failed = |error| NgramError::from(FileError::new("write", &path, error));
        match &self.place {
            Place::Nameless { directory, files } => {
                let file = Arc::new(tempfile::tempfile_in(directory).map_err(failed)?);
                files
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(name.to_owned(), Arc::clone(&file));
                Ok(file)
            }
            Place::Kept { .. } => {
                let mut options = File::options();
                let file =
                    options.read(true).write(true).create(true).truncate(true).open(&path).map_err(failed)?;
                Ok(Arc::new(file))
            }
        }
    }

    pub fn open(&self, name: &str) -> Result<Arc<File>> {
        let path = self.path(name);
        let failed = |error| NgramError::from(FileError::new("read", &path, error));
        match &self.place {
            Place::Nameless { files, .. } => {
                let files = files.lock().unwrap_or_else(PoisonError::into_inner);
                files.get(name).cloned().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
            }
            Place::Kept { .. } => Ok(Arc::new(File::open(&path).map_err(failed)?)),
        }
    }

    /// Drop a file that is not needed any more; nothing happens if there is none.
    pub fn remove(&self, name: &str) {
        match &self.place {
            Place::Nameless { files, .. } => {
                files.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
            }
            Place::Kept { .. } => drop(fs::remove_file(self.path(name))),
        }
    }

    /// The numbers that a stage noted when it was done.
    pub fn done(&self, stage: &str) -> Option<&[u64]> {
        self.done.get(stage).map(Vec::as_slice)
    }

    /// Note that a stage is done: its files are complete.
    pub fn note(&mut self, stage: &str, numbers: &[u64]) -> Result<()> {
        if let Place::Kept { directory, journal } = &mut self.place {
            let numbers = numbers.iter().map(|number| format!(" {number}"));
            let line = format!("{stage}{}\n", numbers.collect::<String>());
            let path = directory.join(JOURNAL);
            let written = journal.seek(SeekFrom::End(0)).and_then(|_| journal.write_all(line.as_bytes()));
            written.and_then(|()| journal.sync_data()).map_err(|e| FileError::new("write", &path, e))?;
        }
        self.done.insert(stage.to_owned(), numbers.to_vec());
        Ok(())
    }

    /// The work is finished: remove its files, and the directory if it is empty then.
    pub fn close(self) {
        let Place::Kept { directory, .. } = &self.place else { return };
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let ours = |name: &str| name == JOURNAL || FILES.iter().any(|start| name.starts_with(start));
            if name.to_str().is_some_and(ours) {
                drop(fs::remove_file(entry.path()));
            }
        }
        drop(fs::remove_dir(directory));
    }
}

fn entry(line: &str) -> Option<(String, Vec<u64>)> {
    let mut parts = line.split(' ');
    let stage = parts.next()?.to_owned();
    Some((stage, parts.map(str::parse).collect::<std::result::Result<_, _>>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nameless_files_leave_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::nameless(Some(directory.path()));
        store.create("a").unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        store.open("a").unwrap();
        store.remove("a");
        assert!(store.open("a").unwrap_err().to_string().contains("cannot read"));
    }

    #[test]
    fn a_kept_store_remembers_finished_stages_and_drops_a_half_written_line() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("work");
        let mut store = Store::kept(&place, "order 3").unwrap();
        store.note("tokens-0", &[7, 9]).unwrap();
        drop(store);
        let mut journal = File::options().append(true).open(place.join(JOURNAL)).unwrap();
        journal.write_all(b"tokens-1 5").unwrap();
        let store = Store::kept(&place, "order 3").unwrap();
        assert_eq!((store.done("tokens-0"), store.done("tokens-1")), (Some(&[7, 9][..]), None));
        let error = Store::kept(&place, "order 4").err().unwrap().to_string();
        assert!(error.contains("order 3") && error.contains("order 4"), "{error}");
        store.close();
        assert!(!place.exists());
    }

    #[test]
    fn a_directory_with_other_files_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("thesis.tex"), "x").unwrap();
        let error = Store::kept(directory.path(), "order 3").err().unwrap().to_string();
        assert!(error.contains("other files"), "{error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
