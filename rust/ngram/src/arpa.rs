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

use crate::arpa_tables::Tables;
use crate::error::{NgramError, Result};
use crate::kneser_ney::MAX_ORDER;
use crate::model::Model;
use crate::paths::each_gram;
use crate::vocabulary::{BOS, EOS, UNK, Vocabulary};
use crate::words::WordTable;

/// The comment that marks a model over ids; the number of ids follows.
const IDS: &str = "# ferrolm ids=";
/// What KenLM gives to unknown words when the file has no `<unk>`.
const UNKNOWN_MISSING: f32 = -100.0;
/// A small file must not reserve much memory: that many ids may have been pruned.
const MAX_UNLISTED_IDS: usize = 1 << 20;
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
    let vocabulary = model.vocabulary();
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
            let written = write!(line, "{}", model.grams[k - 1][index].log10);
            for (position, &word) in words.iter().enumerate() {
                line.push(if position == 0 { b'\t' } else { b' ' });
                line.extend_from_slice(vocabulary.text(vocabulary.outer(word)).as_bytes());
            }
            let backoff = model.nodes.get(k - 1).map(|nodes| nodes[index].backoff);
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
            each_gram(model, k, one)?;
        }
        model.grams[k - 1].release();
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

struct Reader<'a, R> {
    path: &'a Path,
    from: R,
    cancel: &'a Cancel,
    line: Vec<u8>,
    number: usize,
}

/// The separators of ARPA fields; other white space may be part of words.
fn fields(line: &str) -> impl Iterator<Item = &str> {
    line.split([' ', '\t', '\r', '\n']).filter(|field| !field.is_empty())
}

impl<'a, R: BufRead> Reader<'a, R> {
    fn new(path: &'a Path, from: R, cancel: &'a Cancel) -> Self {
        Self { path, from, cancel, line: Vec::new(), number: 0 }
    }

    fn error(&self, reason: impl std::fmt::Display) -> NgramError {
        NgramError::file(self.path, format!("line {}: {reason}", self.number))
    }

    /// The next line that is not blank, without white space around it; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<&str>> {
        loop {
            self.line.clear();
            self.number += 1;
            if self.number.is_multiple_of(POLL) {
                self.cancel.check()?;
            }
            match self.from.read_until(b'\n', &mut self.line) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof) =>
                {
                    return Err(self.error(format_args!("the compressed data is damaged: {error}")));
                }
                Err(error) => return Err(FileError::new("read", self.path, error).into()),
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        match std::str::from_utf8(self.line.trim_ascii()) {
            Ok(line) => Ok(Some(line)),
            Err(error) => {
                let message =
                    format!("line {}: not UTF-8 at byte {} of the line", self.number, error.valid_up_to());
                Err(NgramError::file(self.path, message))
            }
        }
    }

    fn model(mut self) -> Result<Model> {
        let (counts, ids) = self.head()?;
        let (vocabulary, mut tables) = self.unigrams(counts[0], ids, counts.len())?;
        for (k, &count) in counts.iter().enumerate().skip(1) {
            self.grams(k + 1, count, &vocabulary, &mut tables)?;
        }
        match self.next()? {
            Some("\\end\\") => {}
            Some(line) => {
                let line = line.to_owned();
                return Err(
                    self.error(format_args!("expected \\end\\ after the announced n-grams, found {line:?}"))
                );
            }
            None => return Err(self.error("the file ends without \\end\\; is it truncated?")),
        }
        if self.next()?.is_some() {
            return Err(self.error("there is text after \\end\\"));
        }
        tables.into_model(vocabulary).map_err(|reason| NgramError::file(self.path, reason))
    }

    /// The announced numbers of n-grams, and of ids for a model over ids. SRILM allows any text before `\data\`.
    fn head(&mut self) -> Result<(Vec<usize>, Option<u32>)> {
        let mut ids = None;
        loop {
            match self.next()? {
                Some("\\data\\") => break,
                Some(line) => ids = line.strip_prefix(IDS).and_then(|count| count.parse().ok()).or(ids),
                None => return Err(self.error("no line \\data\\: this is not an ARPA file")),
            }
        }
        let mut counts: Vec<usize> = Vec::new();
        loop {
            let expected = counts.len() + 1;
            let Some(line) = self.next()? else { return Err(self.error("the file ends within its head")) };
            if line == "\\1-grams:" {
                break;
            }
            let parts = line.strip_prefix("ngram").and_then(|rest| rest.split_once('='));
            let parsed = parts
                .and_then(|(k, count)| Some((k.trim().parse::<usize>().ok()?, count.trim().parse().ok()?)));
            match parsed {
                Some((k, count)) if k == expected && k <= MAX_ORDER => counts.push(count),
                _ => {
                    let line = line.to_owned();
                    return Err(self.error(format_args!(
                        "expected \"ngram {expected}=COUNT\" or \\1-grams:, found {line:?}"
                    )));
                }
            }
        }
        if counts.is_empty() {
            return Err(self.error("the head announces no n-grams"));
        }
        Ok((counts, ids))
    }

    /// The unigrams make the vocabulary, in their order.
    fn unigrams(&mut self, count: usize, ids: Option<u32>, order: usize) -> Result<(Vocabulary, Tables)> {
        let mut words = WordTable::new();
        let mut values = Vec::new();
        for _ in 0..count {
            let entry = self.entry(
                1,
                order,
                |word, table: &mut WordTable| Ok(table.insert(if word == "<UNK>" { UNK } else { word })),
                &mut words,
            )?;
            if entry.0[0] as usize != values.len() {
                let word = words.word(entry.0[0]).to_owned();
                return Err(self.error(format_args!("the word {word:?} is listed twice")));
            }
            values.push((entry.1, entry.2));
        }
        for (word, required) in [(UNK, false), (BOS, true), (EOS, true)] {
            if words.get(word).is_none() {
                if required {
                    return Err(self.error(format_args!("the unigrams lack {word}")));
                }
                words.insert(word);
                values.push((UNKNOWN_MISSING, 0.0));
            }
        }
        let vocabulary = match ids {
            Some(ids) if ids as usize > words.len() + MAX_UNLISTED_IDS => {
                return Err(self.error(format_args!(
                    "the file announces {ids} ids, but lists only {} unigrams; at most {MAX_UNLISTED_IDS} may be missing",
                    words.len()
                )));
            }
            Some(ids) => Vocabulary::of_ids(ids).map_err(|error| self.error(error))?,
            None => Vocabulary::of_words(words.clone()).map_err(|error| self.error(error))?,
        };
        let mut tables = Tables::new(order, vocabulary.size() as usize);
        let mut pruned: Vec<bool> = vec![true; vocabulary.size() as usize];
        for (word, (log10, backoff)) in words.iter().zip(values) {
            let number = vocabulary.number(word);
            let number =
                number.ok_or_else(|| self.error(format_args!("{word:?} is not an id of this model")))?;
            pruned[number as usize] = false;
            tables.unigram(vocabulary.inner(number), log10, backoff);
        }
        let mut vocabulary = vocabulary;
        for (number, _) in (0..).zip(pruned).filter(|&(_, pruned)| pruned) {
            vocabulary.prune(number);
        }
        Ok((vocabulary, tables))
    }

    fn grams(&mut self, k: usize, count: usize, vocabulary: &Vocabulary, tables: &mut Tables) -> Result<()> {
        let expected = format!("\\{k}-grams:");
        match self.next()? {
            Some(line) if line == expected => {}
            line => {
                let line = line.map(str::to_owned);
                return Err(self.error(format_args!(
                    "expected {expected} after the announced {}-grams, found {line:?}",
                    k - 1
                )));
            }
        }
        let order = tables.order();
        let mut vocabulary = vocabulary;
        for _ in 0..count {
            let number = |word: &str, vocabulary: &mut &Vocabulary| {
                let known = vocabulary.number(word).filter(|&number| vocabulary.is_kept(number));
                known.map(|number| vocabulary.inner(number)).ok_or(())
            };
            let (words, log10, backoff) = self.entry(k, order, number, &mut vocabulary)?;
            tables.push(&words, log10, backoff);
        }
        Ok(())
    }

    /// One line: probability, `k` words, and perhaps a back-off weight.
    fn entry<T>(
        &mut self,
        k: usize,
        order: usize,
        mut number: impl FnMut(&str, &mut T) -> std::result::Result<u32, ()>,
        table: &mut T,
    ) -> Result<(Vec<u32>, f32, f32)> {
        let Some(line) = self.next()? else {
            return Err(self.error(format_args!("the file ends within the {k}-grams")));
        };
        let parsed = parse(line, k, order, |word| number(word, table));
        parsed.map_err(|reason| self.error(reason))
    }
}

fn parse(
    line: &str,
    k: usize,
    order: usize,
    mut number: impl FnMut(&str) -> std::result::Result<u32, ()>,
) -> std::result::Result<(Vec<u32>, f32, f32), String> {
    let mut fields = fields(line);
    let float = |what: &str, text: Option<&str>| {
        let value = text.and_then(|text| text.parse::<f32>().ok()).filter(|value| !value.is_nan());
        value.ok_or_else(|| format!("expected {what}, found {:?}", text.unwrap_or("the end of the line")))
    };
    let log10 = float("a log10 probability", fields.next())?;
    if log10 > 0.0 {
        return Err(format!("the log10 probability is {log10}, but must not be positive"));
    }
    let mut words = Vec::with_capacity(k);
    for _ in 0..k {
        let word = fields.next().ok_or_else(|| format!("expected {k} words, found {}", words.len()))?;
        words.push(number(word).map_err(|()| format!("the word {word:?} is not among the unigrams"))?);
    }
    let backoff = match fields.next() {
        None => 0.0,
        text => float("a back-off weight or the end of the line", text)?,
    };
    if !backoff.is_finite() || (k == order && backoff != 0.0) {
        return Err(format!(
            "the back-off weight is {backoff}, but must be finite, and 0 at the highest order"
        ));
    }
    match fields.next() {
        None => Ok((words, log10, backoff)),
        Some(extra) => Err(format!(
            "expected the end of the line after {k} words and a back-off weight, found {extra:?}"
        )),
    }
}
