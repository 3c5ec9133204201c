//! Bindings of `ferrolm-tokenizer`'s trainers.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferrolm_tokenizer::model::{Bpe, Model as ModelPart};
use ferrolm_tokenizer::train::{self, BpeOptions, Progress, Sequences, TrainError, WordCounts};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use crate::enter::enter;
use crate::errors::{Kind, ToPyErr};
use crate::tokenizer::{Model, Tokenizer};

impl ToPyErr for TrainError {
    fn to_py_err(self) -> PyErr {
        match self {
            Self::File(error) => error.to_py_err(),
            Self::Text(error) => error.to_py_err(),
            Self::Cancelled(error) => error.to_py_err(),
            Self::InvalidEncoding { .. } => Kind::InvalidEncodingError.error(self.to_string()),
            _ => Kind::InvalidArgumentError.error(self.to_string()),
        }
    }
}

/// Counts the words that a tokenizer's model would see of texts and files, then learns a model from them.
#[pyclass(frozen, module = "ferrolm._rust")]
struct WordCounter {
    words: Mutex<WordCounts>,
    progress: Progress,
}

/// The settings of BPE training, by name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct BpeSettings {
    vocab_size: usize,
    min_frequency: u64,
    special_tokens: Vec<String>,
    limit_alphabet: Option<usize>,
    initial_alphabet: Vec<char>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    max_token_length: Option<usize>,
}

impl From<BpeSettings> for BpeOptions {
    fn from(settings: BpeSettings) -> Self {
        Self {
            vocab_size: settings.vocab_size,
            min_frequency: settings.min_frequency,
            special_tokens: settings.special_tokens,
            limit_alphabet: settings.limit_alphabet,
            initial_alphabet: settings.initial_alphabet,
            continuing_subword_prefix: settings.continuing_subword_prefix.unwrap_or_default(),
            end_of_word_suffix: settings.end_of_word_suffix.unwrap_or_default(),
            max_token_length: settings.max_token_length,
        }
    }
}

impl WordCounter {
    fn lock(&self) -> MutexGuard<'_, WordCounts> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl WordCounter {
    #[new]
    #[pyo3(signature = (tokenizer, *, by_line = false))]
    fn new(tokenizer: &Tokenizer, by_line: bool) -> Self {
        let sequences = Sequences::of(&tokenizer.shared(), by_line);
        Self { words: Mutex::new(WordCounts::new(sequences)), progress: Progress::default() }
    }

    /// Count the words of `texts`.
    fn add(&self, py: Python<'_>, texts: Vec<PyBackedStr>) -> PyResult<()> {
        enter(py, |cancel| self.lock().add(&texts, &self.progress, cancel))?.map_err(ToPyErr::to_py_err)
    }

    /// Count the words of a text file.
    fn add_file(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        enter(py, |cancel| self.lock().add_file(&path, &self.progress, cancel))?.map_err(ToPyErr::to_py_err)
    }

    /// Name, done and total (0 for unknown) of every stage so far, from any thread.
    fn progress(&self) -> Vec<(&'static str, u64, u64)> {
        self.progress.stages()
    }

    /// Number of different words.
    fn __len__(&self) -> usize {
        self.lock().len()
    }

    /// `model`, a BPE model, with the vocabulary and merges that are learnt.
    fn train_bpe(&self, py: Python<'_>, model: &Model, settings: BpeSettings) -> PyResult<Model> {
        let ModelPart::Bpe(untrained) = model.part();
        let mut options = untrained.options().clone();
        options.continuing_subword_prefix.clone_from(&settings.continuing_subword_prefix);
        options.end_of_word_suffix.clone_from(&settings.end_of_word_suffix);
        let settings = settings.into();
        let learn = |cancel: &_| {
            let trained = train::train_bpe(&self.lock().words(), &settings, &self.progress, cancel)?;
            Ok::<_, TrainError>(trained.into_model(options)?)
        };
        let bpe: Bpe = enter(py, learn)?.map_err(ToPyErr::to_py_err)?;
        Ok(Model::of(ModelPart::Bpe(Arc::new(bpe))))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<WordCounter>()
}
