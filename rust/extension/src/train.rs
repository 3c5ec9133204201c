//! Bindings of `ferrolm-tokenizer`'s trainers.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ferrolm_tokenizer::train::{self, BpeOptions, Sequences, TrainError, WordCounts};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use crate::enter::enter;
use crate::errors::{Kind, ToPyErr};

impl ToPyErr for TrainError {
    fn to_py_err(self) -> PyErr {
        match self {
            Self::File(error) => error.to_py_err(),
            Self::Cancelled(error) => error.to_py_err(),
            Self::InvalidEncoding { .. } => Kind::InvalidEncodingError.error(self.to_string()),
            _ => Kind::InvalidArgumentError.error(self.to_string()),
        }
    }
}

/// Counts words of texts and files, then learns a BPE vocabulary from them.
#[pyclass(frozen, module = "ferrolm._rust")]
struct BpeWordCounter(Mutex<WordCounts>);

#[pymethods]
impl BpeWordCounter {
    #[new]
    #[pyo3(signature = (*, add_prefix_space = false, split = true, by_line = false))]
    fn new(add_prefix_space: bool, split: bool, by_line: bool) -> Self {
        Self(Mutex::new(WordCounts::new(Sequences { add_prefix_space, split, by_line })))
    }

    /// Count the words of `texts`.
    fn add(&self, py: Python<'_>, texts: Vec<PyBackedStr>) -> PyResult<()> {
        let add = |cancel: &_| self.0.lock().unwrap_or_else(PoisonError::into_inner).add(&texts, cancel);
        enter(py, add)?.map_err(ToPyErr::to_py_err)
    }

    /// Count the words of a text file.
    fn add_file(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let add = |cancel: &_| self.0.lock().unwrap_or_else(PoisonError::into_inner).add_file(&path, cancel);
        enter(py, add)?.map_err(ToPyErr::to_py_err)
    }

    /// Number of different words counted.
    fn __len__(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Tokens by id, and merges as pairs of ids.
    #[pyo3(signature = (*, vocab_size, min_frequency, special_tokens, limit_alphabet, initial_alphabet,
                        continuing_subword_prefix, end_of_word_suffix, max_token_length))]
    #[expect(clippy::too_many_arguments, reason = "the settings of the trainer, by keyword")]
    #[expect(clippy::type_complexity, reason = "tokens and merges")]
    fn train(
        &self,
        py: Python<'_>,
        vocab_size: usize,
        min_frequency: u64,
        special_tokens: Vec<String>,
        limit_alphabet: Option<usize>,
        initial_alphabet: Vec<char>,
        continuing_subword_prefix: String,
        end_of_word_suffix: String,
        max_token_length: Option<usize>,
    ) -> PyResult<(Vec<String>, Vec<(u32, u32)>)> {
        let options = BpeOptions {
            vocab_size,
            min_frequency,
            special_tokens,
            limit_alphabet,
            initial_alphabet,
            continuing_subword_prefix,
            end_of_word_suffix,
            max_token_length,
        };
        let train = |cancel: &_| {
            train::train(&self.0.lock().unwrap_or_else(PoisonError::into_inner), &options, cancel)
        };
        let trained = enter(py, train)?.map_err(ToPyErr::to_py_err)?;
        Ok((trained.tokens, trained.merges))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<BpeWordCounter>()
}
