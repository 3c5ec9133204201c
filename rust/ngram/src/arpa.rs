//! ARPA text files: what KenLM, SRILM and others write and read; `.gz` is compressed with gzip.
//!
//! A model over ids is written with the ids as words, and with a comment line that says so (KenLM skips it).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use ferrolm_base::atomic_file::AtomicFile;
use ferrolm_base::{Cancel, FileError};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::arpa_reader::Reader;
use crate::error::{NgramError, Result};
use crate::model::Model;
use crate::paths::each_gram;

/// The comment that marks a model over ids; the number of ids follows.
pub(crate) const IDS: &str = "# ferrolm ids=";
/// Lines between two looks at the cancel flag.
const POLL: usize = 4096;

pub(crate) fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

/// Write `model` to `path`; compressed if it ends in `.gz`.
pub fn save(model: &Model, path: &Path, cancel: &Cancel) -> Result<()> {
    let failed = |error| NgramError::from(FileError::new("write", path, error));
    let mut file = AtomicFile::create(path)?;
    if is_gzip(path) {
        let mut encoder = GzEncoder::new(io::BufWriter::new(&mut file), Compression::fast());
        write(model, &mut encoder, path, cancel)?;
        encoder.finish().and_then(|mut inner| inner.flush()).map_err(failed)?;
    } else {
        write(model, &mut file, path, cancel)?;
    }
    Ok(file.commit()?)
}

fn write(model: &Model, to: &mut impl Write, path: &Path, cancel: &Cancel) -> Result<()> {
    let failed = |error| NgramError::from(FileError::new("write", path, error));
    let (vocabulary, levels) = (model.vocabulary(), model.fast(cancel)?);
    if vocabulary.is_ids() {
        writeln!(to, "{IDS}{}", vocabulary.unk()).map_err(failed)?;
    }
    writeln!(to, "\\data\\").map_err(failed)?;
    for (k, count) in (1..).zip(model.counts()) {
        writeln!(to, "ngram {k}={count}").map_err(failed)?;
    }
    for k in 1..=model.order() {
        write!(to, "\n\\{k}-grams:\n").map_err(failed)?;
        let mut line = Vec::new();
        let mut one = |words: &[u32], index: usize| -> Result<()> {
            if index.is_multiple_of(POLL) {
                cancel.check()?;
            }
            line.clear();
            let written = write!(line, "{}", levels.grams[k - 1][index].log10);
            for (position, &word) in words.iter().enumerate() {
                line.push(if position == 0 { b'\t' } else { b' ' });
                line.extend_from_slice(vocabulary.text(vocabulary.outer(word)).as_bytes());
            }
            let backoff = levels.nodes.get(k - 1).map(|nodes| nodes[index].backoff);
            written
                .and_then(|()| backoff.map_or(Ok(()), |backoff| write!(line, "\t{backoff}")))
                .map_err(failed)?;
            line.push(b'\n');
            to.write_all(&line).map_err(failed)
        };
        if k == 1 {
            // The users' order: <unk>, <s>, </s>, then words as they first appeared.
            for number in (0..vocabulary.size()).filter(|&number| vocabulary.is_kept(number)) {
                let inner = vocabulary.inner(number);
                one(&[inner], inner as usize)?;
            }
        } else {
            each_gram(&levels, k, one)?;
        }
        levels.grams[k - 1].release();
    }
    to.write_all(b"\n\\end\\\n").map_err(failed)
}

/// Read a model; compressed or not is told by the content.
pub fn load(path: &Path, cancel: &Cancel) -> Result<Model> {
    let failed = |error| NgramError::from(FileError::new("read", path, error));
    let mut file = BufReader::with_capacity(1 << 18, File::open(path).map_err(failed)?);
    let gzip = file.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
    if gzip {
        Reader::new(path, BufReader::with_capacity(1 << 18, MultiGzDecoder::new(file)), cancel).model()
    } else {
        Reader::new(path, file, cancel).model()
    }
}
