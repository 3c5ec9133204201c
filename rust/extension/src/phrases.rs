//! Bindings of phrases.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ferrolm_embedding::{EmbeddingError, Scoring};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors::{Kind, ToPyErr};
use crate::unsafe_sequences::{List, collected, iterate};

/// Counts of words and of pairs of words.
#[pyclass(frozen, module = "ferrolm._rust")]
struct PhraseCounts(Mutex<ferrolm_embedding::PhraseCounts>);

/// Phrases with their scores.
#[pyclass(frozen, module = "ferrolm._rust")]
struct PhraseTable(ferrolm_embedding::PhraseTable);

#[pymethods]
impl PhraseCounts {
    #[new]
    fn new(delimiter: String, connectors: HashSet<String>, max_vocab_size: usize) -> Self {
        Self(Mutex::new(ferrolm_embedding::PhraseCounts::new(delimiter, connectors, max_vocab_size)))
    }

    /// Count sentences: sequences of words, or strings that are split at white space; returns how many.
    fn add(&self, py: Python<'_>, sentences: &Bound<'_, PyAny>) -> PyResult<usize> {
        let mut count = 0;
        for (index, sentence) in sentences.try_iter()?.enumerate() {
            if index % 1024 == 0 {
                py.check_signals()?;
            }
            with_words(&sentence?, index, |words| {
                self.counts().add(words).map_err(EmbeddingError::to_py_err)
            })?;
            count += 1;
        }
        Ok(count)
    }

    /// Words and pairs with their counts.
    fn entries(&self) -> HashMap<String, u64> {
        self.counts().entries().map(|(entry, count)| (entry.to_owned(), count)).collect()
    }

    /// In place of what was counted: entries with their counts, and the number of words.
    fn restore(&self, entries: List<(String, u64)>, words: u64) -> PyResult<()> {
        let mut counts = self.counts();
        counts.set_num_words(words);
        for (entry, count) in entries {
            counts.restore(&entry, count).map_err(EmbeddingError::to_py_err)?;
        }
        Ok(())
    }

    #[getter]
    fn num_words(&self) -> u64 {
        self.counts().num_words()
    }

    fn __len__(&self) -> usize {
        self.counts().len()
    }

    /// A sentence with its phrases as single words, and their scores.
    fn analyze(
        &self,
        sentence: &Bound<'_, PyAny>,
        npmi: bool,
        min_count: f64,
        threshold: f64,
    ) -> PyResult<Vec<(String, Option<f64>)>> {
        with_words(sentence, 0, |words| Ok(self.counts().apply(words, scoring(npmi), min_count, threshold)))
    }

    /// The phrases whose score is above `threshold`.
    fn phrases(&self, npmi: bool, min_count: f64, threshold: f64) -> PhraseTable {
        PhraseTable(self.counts().phrases(scoring(npmi), min_count, threshold))
    }
}

fn scoring(npmi: bool) -> Scoring {
    if npmi { Scoring::Npmi } else { Scoring::Default }
}

impl PhraseCounts {
    fn counts(&self) -> MutexGuard<'_, ferrolm_embedding::PhraseCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PhraseTable {
    #[new]
    fn new(
        phrases: HashMap<String, f64>,
        delimiter: String,
        connectors: HashSet<String>,
        threshold: f64,
    ) -> Self {
        Self(ferrolm_embedding::PhraseTable::new(phrases, delimiter, connectors, threshold))
    }

    fn phrases(&self) -> HashMap<String, f64> {
        self.0.phrases().clone()
    }

    /// A sentence with its phrases as single words, and their scores.
    fn analyze(&self, sentence: &Bound<'_, PyAny>) -> PyResult<Vec<(String, Option<f64>)>> {
        with_words(sentence, 0, |words| Ok(self.0.apply(words)))
    }
}

/// Calls `work` with the words of a sentence.
fn with_words<T>(
    sentence: &Bound<'_, PyAny>,
    index: usize,
    work: impl FnOnce(&[&str]) -> PyResult<T>,
) -> PyResult<T> {
    if let Ok(text) = sentence.cast::<PyString>() {
        let text = text.to_cow()?;
        return work(&text.split_whitespace().collect::<Vec<_>>());
    }
    let words = collected(sentence, iterate(sentence)?)?;
    let texts: Vec<_> = words
        .iter()
        .map(|word| {
            if let Ok(word) = word.cast::<PyString>() {
                return word.to_cow();
            }
            let kind = word.get_type();
            let message = format!("sentence {index} has a word of type {kind}: expected str");
            Err(Kind::InvalidTypeError.error(message))
        })
        .collect::<PyResult<_>>()?;
    work(&texts.iter().map(AsRef::as_ref).collect::<Vec<_>>())
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PhraseCounts>()?;
    module.add_class::<PhraseTable>()
}
