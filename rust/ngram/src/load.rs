//! Opening a model whatever its form.

use std::io::{BufReader, Read};
use std::path::Path;

use ferrolm_base::{Cancel, FileError, read};

use crate::arpa_reader::Reader;
use crate::error::{NgramError, Result};
use crate::model::Model;
use crate::{arpa, flm};

/// Load an ARPA file (plain or gzip) or an `.flm` file, told apart by their first bytes. `mapped` is for `.flm` only:
/// see [`flm::load`].
pub fn load(path: &Path, mapped: bool, cancel: &Cancel) -> Result<Model> {
    let failed = |error| FileError::new("read", path, error);
    let mut start = Vec::new();
    read::open(path)?.take(flm::MAGIC.len() as u64).read_to_end(&mut start).map_err(failed)?;
    if start == flm::MAGIC {
        return flm::load(path, mapped, cancel);
    }
    if mapped {
        return Err(NgramError::InvalidArgument(format!(
            "mmap is for .flm files, which {} is not",
            path.display()
        )));
    }
    arpa::load(path, cancel)
}

/// Read ARPA text from somewhere else, as from a decompressor; `path` is what errors name.
pub fn read_arpa(path: &Path, from: impl Read, cancel: &Cancel) -> Result<Model> {
    Reader::new(path, BufReader::with_capacity(1 << 18, from), cancel).model()
}
