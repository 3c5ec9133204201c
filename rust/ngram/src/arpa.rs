//! ARPA text files: what KenLM, SRILM and others write and read; `.gz` is compressed with gzip.
//!
//! A model over ids is written with the ids as words, and with a comment line that says so (KenLM skips it).

use std::io::{self, BufRead, BufReader, Write};
use std::ops::Range;
use std::path::Path;

use ferrolm_base::atomic_file::AtomicFile;
use ferrolm_base::{Cancel, FileError, read};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use rayon::prelude::*;

use crate::arpa_reader::Reader;
use crate::arrays::Arrays;
use crate::error::{NgramError, Result};
use crate::layout::Trie;
use crate::model::Model;
use crate::paths::each_gram;
use crate::vocabulary::Vocabulary;

/// The comment that marks a model over ids; the number of ids follows.
pub(crate) const IDS: &str = "# ferrolm ids=";
/// N-grams whose lines one worker makes between two looks at the cancel flag.
const CHUNK: usize = 1 << 14;
/// Chunks that are in memory at once, about a megabyte each.
const ROUND: usize = 16;

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
    let (vocabulary, levels) = (model.vocabulary(), model.arrays(cancel)?);
    if vocabulary.is_ids() {
        writeln!(to, "{IDS}{}", vocabulary.unk()).map_err(failed)?;
    }
    writeln!(to, "\\data\\").map_err(failed)?;
    for (k, count) in (1..).zip(model.counts()) {
        writeln!(to, "ngram {k}={count}").map_err(failed)?;
    }
    for k in 1..=model.order() {
        write!(to, "\n\\{k}-grams:\n").map_err(failed)?;
        if k == 1 {
            to.write_all(&unigrams(&levels, vocabulary)).map_err(failed)?;
        } else {
            let starts: Vec<usize> = (0..levels.len(k)).step_by(CHUNK).collect();
            for starts in starts.chunks(ROUND) {
                let chunks = starts.par_iter().map(|&start| {
                    cancel.check()?;
                    Ok(ngrams(&levels, vocabulary, k, start..levels.len(k).min(start + CHUNK)))
                });
                for chunk in chunks.collect::<Result<Vec<_>>>()? {
                    to.write_all(&chunk).map_err(failed)?;
                }
            }
        }
        levels.grams[k - 1].release();
    }
    to.write_all(b"\n\\end\\\n").map_err(failed)
}

/// The lines of the unigrams in the users' order: `<unk>`, `<s>`, `</s>`, then words as they first appeared.
fn unigrams(levels: &Arrays, vocabulary: &Vocabulary) -> Vec<u8> {
    let mut lines = Vec::new();
    for number in (0..vocabulary.size()).filter(|&number| vocabulary.is_kept(number)) {
        let place = vocabulary.inner(number) as usize;
        line(&mut lines, levels, 1, place, vocabulary.text(number).as_bytes());
    }
    lines
}

/// The lines of the n-grams at `range` of order `k`.
fn ngrams(levels: &Arrays, vocabulary: &Vocabulary, k: usize, range: Range<usize>) -> Vec<u8> {
    let mut lines = Vec::with_capacity(range.len() * 40);
    // The words of the n-gram and where each ends: an n-gram shares most of them with the one before.
    let (mut text, mut ends) = (Vec::new(), vec![0; k]);
    each_gram(levels, k, range, |words, place, same| {
        text.truncate(if same == 0 { 0 } else { ends[same - 1] });
        for at in same..k {
            if at > 0 {
                text.push(b' ');
            }
            text.extend_from_slice(vocabulary.text(vocabulary.outer(words[at])).as_bytes());
            ends[at] = text.len();
        }
        line(&mut lines, levels, k, place, &text);
    });
    lines
}

fn line(lines: &mut Vec<u8>, levels: &Arrays, k: usize, place: usize, words: &[u8]) {
    number(lines, levels.grams[k - 1][place].log10);
    lines.push(b'\t');
    lines.extend_from_slice(words);
    if let Some(nodes) = levels.nodes.get(k - 1) {
        lines.push(b'\t');
        number(lines, nodes[place].backoff);
    }
    lines.push(b'\n');
}

/// The shortest decimal number that is read as `value`.
fn number(lines: &mut Vec<u8>, value: f32) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format(value);
    lines.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
}

/// Read a model; compressed or not is told by the content.
pub fn load(path: &Path, cancel: &Cancel) -> Result<Model> {
    let failed = |error| NgramError::from(FileError::new("read", path, error));
    let mut file = BufReader::with_capacity(1 << 18, read::open(path)?);
    let gzip = file.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
    if gzip {
        Reader::new(path, BufReader::with_capacity(1 << 18, MultiGzDecoder::new(file)), cancel).model()
    } else {
        Reader::new(path, file, cancel).model()
    }
}
