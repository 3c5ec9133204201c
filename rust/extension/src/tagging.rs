//! Bindings of `ferrolm-tagging`.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ferrolm_tagging::{Scheme, Sentences, Settings, Tagger, TaggingError, Trainer};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::enter::{enter, enter_brief};
use crate::errors::{Kind, ToPyErr};
use crate::unsafe_sequences::iterate;

/// Sentences of fewer words are tagged where they are asked for, others on the pool.
const BRIEF: usize = 2048;

/// A tagger that learns epoch by epoch.
#[pyclass(frozen, module = "ferrolm._rust")]
struct TaggerTraining(Mutex<Trainer>);

#[pymethods]
impl TaggerTraining {
    #[new]
    #[pyo3(signature = (words, tags, *, seed, margin, missed_margin, min_count, constraints))]
    #[expect(clippy::too_many_arguments, reason = "the settings, one by one")]
    fn new(
        py: Python<'_>,
        words: &Bound<'_, PyAny>,
        tags: &Bound<'_, PyAny>,
        seed: u64,
        margin: i32,
        missed_margin: i32,
        min_count: u32,
        constraints: Option<bool>,
    ) -> PyResult<Self> {
        let settings = Settings { seed, margin, missed_margin, min_count, constraints };
        let (words, tags) = (read(words, "word")?, read(tags, "tag")?);
        let trainer = enter(py, |cancel| Trainer::new(&words, &tags, settings, cancel))?;
        trainer.map(|trainer| Self(Mutex::new(trainer))).map_err(TaggingError::to_py_err)
    }

    /// See all sentences once; the share of words that were tagged right before they were corrected.
    fn epoch(&self, py: Python<'_>) -> PyResult<f64> {
        let right = enter(py, |cancel| {
            let mut trainer = self.lock();
            let words = trainer.num_words();
            trainer.epoch(cancel).map(|right| right as f64 / words as f64)
        })?;
        right.map_err(TaggingError::to_py_err)
    }

    /// The tagger of the averages so far.
    fn tagger(&self, py: Python<'_>, prune: f64, info: String) -> PyResult<TaggerModel> {
        let tagger = enter(py, |_| self.lock().tagger(prune, info))?;
        Ok(TaggerModel::new(py, tagger))
    }

    #[getter]
    fn num_features(&self) -> usize {
        self.lock().num_features()
    }
}

impl TaggerTraining {
    fn lock(&self) -> MutexGuard<'_, Trainer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tags words.
#[pyclass(frozen, module = "ferrolm._rust")]
struct TaggerModel {
    tagger: Tagger,
    /// Each name once: results share them.
    names: Vec<Py<PyString>>,
}

#[pymethods]
impl TaggerModel {
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let tagger = enter(py, |_| Tagger::load(&path))?.map_err(TaggingError::to_py_err)?;
        Ok(Self::new(py, tagger))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, content: &[u8]) -> PyResult<Self> {
        let tagger = Tagger::from_bytes(content).map_err(|reason| Kind::InvalidFileError.error(reason))?;
        Ok(Self::new(py, tagger))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.tagger.to_bytes())
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        enter(py, |_| self.tagger.save(&path))?.map_err(TaggingError::to_py_err)
    }

    fn tag<'py>(&self, py: Python<'py>, words: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let mut sentences = Sentences::default();
        read_sentence(&mut sentences, words, 0, "word")?;
        self.names_of(py, &self.numbers(py, &sentences)?)
    }

    fn tag_sents<'py>(&self, py: Python<'py>, sentences: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let sentences = read(sentences, "word")?;
        let numbers = self.numbers(py, &sentences)?;
        let lists = (0..sentences.len())
            .map(|sentence| self.names_of(py, numbers.get(sentences.places(sentence)).unwrap_or_default()))
            .collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, lists)
    }

    #[getter]
    fn labels(&self) -> Vec<&str> {
        self.tagger.tags().iter().map(String::as_str).collect()
    }

    #[getter]
    fn info(&self) -> &str {
        self.tagger.info()
    }

    /// What is known of which tags follow each other: "free", "bio" or "bioes".
    #[getter]
    fn scheme(&self) -> &'static str {
        match self.tagger.scheme() {
            Scheme::Free => "free",
            Scheme::Bio => "bio",
            Scheme::Bioes => "bioes",
        }
    }

    #[getter]
    fn num_features(&self) -> usize {
        self.tagger.num_features()
    }

    #[getter]
    fn num_weights(&self) -> usize {
        self.tagger.num_weights()
    }
}

impl TaggerModel {
    fn new(py: Python<'_>, tagger: Tagger) -> Self {
        let names = tagger.tags().iter().map(|name| PyString::new(py, name).unbind()).collect();
        Self { tagger, names }
    }

    fn numbers(&self, py: Python<'_>, sentences: &Sentences) -> PyResult<Vec<u16>> {
        let numbers = if sentences.num_words() < BRIEF {
            enter_brief(py, |cancel| self.tagger.tag(sentences, cancel))
        } else {
            enter(py, |cancel| self.tagger.tag(sentences, cancel))?
        };
        numbers.map_err(TaggingError::to_py_err)
    }

    fn names_of<'py>(&self, py: Python<'py>, numbers: &[u16]) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, numbers.iter().map(|&number| self.names.get(usize::from(number))))
    }
}

/// Sentences of an iterable of iterables of strings; `what` they are, for errors.
fn read(sentences: &Bound<'_, PyAny>, what: &str) -> PyResult<Sentences> {
    let mut made = Sentences::default();
    for (number, sentence) in sentences.try_iter()?.enumerate() {
        if number % 1024 == 0 {
            sentences.py().check_signals()?;
        }
        read_sentence(&mut made, &sentence?, number, what)?;
    }
    Ok(made)
}

fn read_sentence(
    made: &mut Sentences,
    sentence: &Bound<'_, PyAny>,
    number: usize,
    what: &str,
) -> PyResult<()> {
    // A string is an iterable of strings, its letters, which nobody means.
    let words = if sentence.is_instance_of::<PyString>() { None } else { iterate(sentence).ok() };
    let Some(words) = words else {
        let kind = sentence.get_type();
        return Err(Kind::InvalidTypeError
            .error(format!("sentence {number} is of type {kind}: expected a list of {what}s, each a str")));
    };
    for (place, word) in words.enumerate() {
        let word = word?;
        let Ok(text) = word.cast::<PyString>() else {
            let kind = word.get_type();
            return Err(Kind::InvalidTypeError
                .error(format!("{what} {place} of sentence {number} is of type {kind}: expected str")));
        };
        let Ok(text) = text.to_str() else {
            return Err(Kind::InvalidEncodingError.error(format!(
                "{what} {place} of sentence {number} has a lone surrogate: expected valid Unicode"
            )));
        };
        made.push(text);
    }
    made.end_sentence();
    Ok(())
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TaggerTraining>()?;
    module.add_class::<TaggerModel>()
}
