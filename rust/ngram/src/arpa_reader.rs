//! Reading ARPA text, in the dialects of KenLM, SRILM and others.
//!
//! Read although KenLM would not: text before `\data\`, blank lines anywhere, any mix of blanks and tabs, keywords and
//! markers in capitals (`<S>`, `</S>`, `<UNK>`, where the small ones are not there), no `<s>` (then a sentence begins
//! with an empty context), and n-grams without the n-gram of their context. Refused: what cannot be told from damage (a wrong
//! number of n-grams, a missing `\end\`, words that are not among the unigrams, n-grams listed twice), what
//! is no probability (positive logarithms, NaN), and files without `</s>`, whose sentences could not end.

use std::io::{self, BufRead};
use std::path::Path;

use ferrolm_base::{Cancel, FileError};

use crate::arpa::IDS;
use crate::arpa_tables::Tables;
use crate::error::{NgramError, Result};
use crate::estimate::{NO_WEIGHT, UNSEEN};
use crate::model::Model;
use crate::options::MAX_ORDER;
use crate::vocabulary::{BOS, EOS, UNK, Vocabulary};
use crate::words::WordTable;

/// A small file must not reserve much memory: that many ids may have been pruned.
const MAX_UNLISTED_IDS: usize = 1 << 20;
/// Lines between two looks at the cancel flag.
const POLL: usize = 4096;

pub(crate) struct Reader<'a, R> {
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
    pub fn new(path: &'a Path, from: R, cancel: &'a Cancel) -> Self {
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

    pub fn model(mut self) -> Result<Model> {
        let (counts, ids) = self.head()?;
        let (vocabulary, mut tables) = self.unigrams(counts[0], ids, counts.len())?;
        for (k, &count) in counts.iter().enumerate().skip(1) {
            self.grams(k + 1, count, &vocabulary, &mut tables)?;
        }
        match self.next()? {
            Some(line) if line.eq_ignore_ascii_case("\\end\\") => {}
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
                Some(line) if line.eq_ignore_ascii_case("\\data\\") => break,
                Some(line) => ids = line.strip_prefix(IDS).and_then(|count| count.parse().ok()).or(ids),
                None => return Err(self.error("no line \\data\\: this is not an ARPA file")),
            }
        }
        let mut counts: Vec<usize> = Vec::new();
        loop {
            let expected = counts.len() + 1;
            let Some(line) = self.next()? else { return Err(self.error("the file ends within its head")) };
            if line.eq_ignore_ascii_case("\\1-grams:") {
                break;
            }
            let keyword = line.split_at_checked("ngram".len());
            let keyword = keyword.filter(|(word, _)| word.eq_ignore_ascii_case("ngram"));
            let parts = keyword.and_then(|(_, rest)| rest.split_once('='));
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
        let mut words = small_markers(words);
        if words.get(EOS).is_none() {
            return Err(self.error(format_args!("the unigrams lack {EOS}: no sentence could end")));
        }
        for (word, log10) in [(UNK, UNSEEN), (BOS, NO_WEIGHT)] {
            if words.get(word).is_none() {
                words.insert(word);
                values.push((log10, 0.0));
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
            Some(line) if line.eq_ignore_ascii_case(&expected) => {}
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
                let known = vocabulary.number(word).or_else(|| vocabulary.number(small(word)?));
                let known = known.filter(|&number| vocabulary.is_kept(number));
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

/// The markers that some files have in capitals.
fn small(word: &str) -> Option<&'static str> {
    match word {
        "<S>" => Some(BOS),
        "</S>" => Some(EOS),
        _ => None,
    }
}

/// The same words with markers in capitals made small, where the small ones are not words as well.
fn small_markers(words: WordTable) -> WordTable {
    if words.get("<S>").is_none() && words.get("</S>").is_none() {
        return words;
    }
    let mut renamed = WordTable::new();
    for word in words.iter() {
        renamed.insert(small(word).filter(|small| words.get(small).is_none()).unwrap_or(word));
    }
    renamed
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
