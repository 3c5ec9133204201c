//! How often words stand near each other, counted within a memory limit.
//!
//! Two words at distance `d` in a sentence count 1/`d` (Pennington et al. 2014, section 4.2). Pairs of frequent words,
//! which are most of what is met, have a cell each in a [dense table](dense); the others go to a [buffer](sparse)
//! that is sorted, added up and put aside as a run, in memory first and then in a temporary file. At the end the runs
//! are merged. Sums are integers (parts of 2^28), so that they do not depend on the order of addition: the counts are
//! the same for every memory limit and number of workers.
//!
//! Of symmetric counts one half is kept. Workers share the rows, each reading the whole corpus for its own.

mod dense;
mod sparse;

use std::ops::Range;
use std::path::PathBuf;

use ferrolm_base::{Cancel, pool};
use rayon::prelude::*;

use crate::{Corpus, EmbeddingError};
use dense::{Dense, largest_product};
use sparse::Sparse;

/// What is to be counted, and within what.
#[derive(Clone, Debug)]
pub struct CountSettings {
    /// Most words between which a pair counts.
    pub window: u32,
    /// Count the words after a word as well as those before it.
    pub symmetric: bool,
    /// Bytes for tables and buffers.
    pub memory_limit: u64,
    pub workers: usize,
    /// Where temporary files go; the system's place if nothing is said.
    pub directory: Option<PathBuf>,
}

/// The least `memory_limit`.
pub const MIN_MEMORY: u64 = 1 << 16;

/// A count of 1.
const ONE: u64 = 1 << 28;
/// Words read between two looks at the flag of cancellation.
const CANCEL_INTERVAL: usize = 1 << 14;

impl CountSettings {
    pub(crate) fn check(&self) -> Result<(), EmbeddingError> {
        let failed =
            |argument, value: String, expected| Err(EmbeddingError::Argument { argument, value, expected });
        match self {
            Self { window: 0, .. } => failed("window", "0".into(), "at least 1"),
            Self { workers: 0, .. } => failed("workers", "0".into(), "at least 1"),
            Self { workers, .. } if *workers > pool::MAX_THREADS => {
                failed("workers", workers.to_string(), "at most 1024")
            }
            Self { memory_limit, .. } if *memory_limit < MIN_MEMORY => {
                failed("memory_limit", format!("{memory_limit} bytes"), "at least 65536 (64 KiB)")
            }
            _ => Ok(()),
        }
    }
}

/// Sentences whose words have the ids of a vocabulary, their own or a given one.
#[derive(Debug)]
pub struct Source<'a> {
    corpus: &'a Corpus,
    /// By id of the corpus, if the vocabulary is another.
    ids: Option<Vec<Option<u32>>>,
    counts: Vec<u64>,
}

impl<'a> Source<'a> {
    pub fn new(corpus: &'a Corpus) -> Self {
        Self { corpus, ids: None, counts: corpus.counts().to_vec() }
    }

    /// Words that `vocabulary` does not have are passed over, as if they were not there.
    pub fn within(corpus: &'a Corpus, vocabulary: &[String]) -> Self {
        let known: std::collections::HashMap<&str, u32> =
            vocabulary.iter().zip(0..).map(|(word, id)| (word.as_str(), id)).collect();
        let ids: Vec<Option<u32>> =
            corpus.words().iter().map(|word| known.get(word.as_str()).copied()).collect();
        let mut counts = vec![0; vocabulary.len()];
        for (id, count) in ids.iter().zip(corpus.counts()) {
            if let Some(id) = id {
                counts[*id as usize] += count;
            }
        }
        Self { corpus, ids: Some(ids), counts }
    }

    /// Words of the vocabulary.
    pub fn words(&self) -> usize {
        self.counts.len()
    }

    /// Calls `visit` for every pair (word, an earlier word) at a distance up to `window`, and that distance less 1.
    #[inline(always)]
    fn visit(
        &self,
        window: usize,
        cancel: &Cancel,
        mut visit: impl FnMut(u32, u32, usize) -> Result<(), EmbeddingError>,
    ) -> Result<(), EmbeddingError> {
        let mut known = Vec::new();
        let mut read = 0;
        for sentence in self.corpus.sentences() {
            let sentence = match &self.ids {
                None => sentence,
                Some(ids) => {
                    known.clear();
                    known.extend(sentence.iter().filter_map(|&id| ids[id as usize]));
                    &known
                }
            };
            for (at, &word) in sentence.iter().enumerate() {
                read += 1;
                if read % CANCEL_INTERVAL == 0 {
                    cancel.check()?;
                }
                for (distance, &before) in sentence[at.saturating_sub(window)..at].iter().rev().enumerate() {
                    visit(word, before, distance)?;
                }
            }
        }
        Ok(())
    }
}

/// What was counted, ready to be read once.
#[derive(Debug)]
pub struct Cooccurrences {
    symmetric: bool,
    /// By row.
    parts: Vec<Part>,
}

/// The counts of some rows.
#[derive(Debug)]
struct Part {
    rows: Range<u32>,
    dense: Dense,
    sparse: Sparse,
}

/// Count the pairs of `source`.
///
/// # Errors
/// If a setting is out of its range, a temporary file cannot be written, or `cancel` is raised meanwhile.
pub fn count(
    source: &Source<'_>,
    settings: &CountSettings,
    cancel: &Cancel,
) -> Result<Cooccurrences, EmbeddingError> {
    settings.check()?;
    // Two thirds for the table, one for buffers and runs: what is dense costs no sorting.
    let cells = settings.memory_limit * 2 / 3 / size_of::<u64>() as u64;
    let product = largest_product(source.words(), settings.symmetric, cells);
    let shares = shares(&source.counts, settings);
    let runs = settings.memory_limit / 3 / shares.len() as u64;
    let parts = shares.into_par_iter().map(|rows| {
        let dense = Dense::new(&rows, source.words(), settings.symmetric, product);
        let sparse = Sparse::new(runs, settings.directory.clone());
        let mut part = Part { rows, dense, sparse };
        part.count(source, settings, cancel)?;
        Ok(part)
    });
    let parts: Result<Vec<Part>, EmbeddingError> = pool::install(|| parts.collect());
    Ok(Cooccurrences { symmetric: settings.symmetric, parts: parts? })
}

/// Cuts the rows so that workers meet about as many pairs each.
fn shares(counts: &[u64], settings: &CountSettings) -> Vec<Range<u32>> {
    let total = counts.iter().sum::<u64>().max(1) as f64;
    let mut rest = 1.0;
    let mut met = 0.0;
    let mut shares = Vec::new();
    let mut start = 0;
    for (row, &count) in counts.iter().enumerate() {
        let share = count as f64 / total;
        // A pair is in the row of the smaller id, or of the later word.
        met += if settings.symmetric { share * (2.0 * rest - share) } else { share };
        rest -= share;
        if met * settings.workers as f64 >= (shares.len() + 1) as f64 && shares.len() + 1 < settings.workers {
            shares.push(start..row as u32 + 1);
            start = row as u32 + 1;
        }
    }
    shares.push(start..counts.len() as u32);
    shares
}

impl Part {
    fn count(
        &mut self,
        source: &Source<'_>,
        settings: &CountSettings,
        cancel: &Cancel,
    ) -> Result<(), EmbeddingError> {
        let window = settings.window as usize;
        let longest = source.corpus.sentences().map(<[u32]>::len).max().unwrap_or(0);
        let weights: Vec<u64> =
            (1..=window.min(longest) as u64).map(|distance| (ONE + distance / 2) / distance).collect();
        let Self { rows, dense, sparse } = self;
        source.visit(window, cancel, |word, before, distance| {
            let (row, column) =
                if settings.symmetric { (word.min(before), word.max(before)) } else { (word, before) };
            if !rows.contains(&row) {
                return Ok(());
            }
            match dense.cell(row, column) {
                Some(cell) => *cell += weights[distance],
                None => sparse.add(row, column, weights[distance])?,
            }
            Ok(())
        })?;
        sparse.finish();
        Ok(())
    }
}

impl Cooccurrences {
    /// At least as many as there are pairs.
    pub fn at_most(&self) -> u64 {
        let kept: u64 = self.parts.iter().map(|part| part.dense.filled() + part.sparse.entries()).sum();
        if self.symmetric { 2 * kept } else { kept }
    }

    /// Whether the memory limit was reached.
    pub fn spilled(&self) -> bool {
        self.parts.iter().any(|part| part.sparse.spilled())
    }

    /// Calls `visit` with each (word, context, count), in no particular order.
    ///
    /// # Errors
    /// If a temporary file cannot be read, `visit` fails, or `cancel` is raised.
    pub fn for_each(
        self,
        cancel: &Cancel,
        mut visit: impl FnMut(u32, u32, f32) -> Result<(), EmbeddingError>,
    ) -> Result<(), EmbeddingError> {
        let symmetric = self.symmetric;
        let mut both = |row: u32, column: u32, sum: u64| {
            let count = (sum as f64 / ONE as f64) as f32;
            if !symmetric {
                return visit(row, column, count);
            }
            if row == column {
                return visit(row, column, 2.0 * count);
            }
            visit(row, column, count)?;
            visit(column, row, count)
        };
        for part in self.parts {
            for row in part.rows {
                if row % 64 == 0 {
                    cancel.check()?;
                }
                part.dense.row(row).try_for_each(|(column, sum)| both(row, column, sum))?;
            }
            drop(part.dense);
            let mut seen = 0;
            part.sparse.merge(|key, sum| {
                seen += 1;
                if seen % CANCEL_INTERVAL == 0 {
                    cancel.check()?;
                }
                both((key >> 32) as u32, key as u32, sum)
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
