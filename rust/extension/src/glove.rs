//! Bindings of `ferrolm-embedding`'s counts of pairs and `GloVe`.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ferrolm_embedding::EmbeddingError;
use ferrolm_embedding::cooccurrence::{CountSettings, Source};
use ferrolm_embedding::glove::{EpochSettings, Pairs, Parameters, Side};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::embedding::WordCorpus;
use crate::enter::enter;
use crate::errors::{Kind, ToPyErr};
use crate::unsafe_sequences::List;

/// Pairs of words of a corpus, counted and arranged for training.
#[pyclass(frozen, module = "ferrolm._rust")]
struct WordPairs(Pairs);

#[pymethods]
impl WordPairs {
    /// `vocabulary`: ids are its, words that it does not have are passed over; without it, those of the corpus.
    #[new]
    #[pyo3(signature = (corpus, *, vocabulary, window, symmetric, memory_limit, directory, workers, seed))]
    #[expect(clippy::too_many_arguments, reason = "the settings, one by one")]
    fn new(
        py: Python<'_>,
        corpus: &WordCorpus,
        vocabulary: Option<List<String>>,
        window: u32,
        symmetric: bool,
        memory_limit: u64,
        directory: Option<PathBuf>,
        workers: usize,
        seed: u64,
    ) -> PyResult<Self> {
        let settings = CountSettings { window, symmetric, memory_limit, workers, directory };
        let pairs = enter(py, |cancel| {
            let source = match vocabulary {
                Some(vocabulary) => Source::within(&corpus.0, &vocabulary),
                None => Source::new(&corpus.0),
            };
            Pairs::count(&source, &settings, seed, cancel)
        })?;
        pairs.map(Self).map_err(EmbeddingError::to_py_err)
    }

    fn __len__(&self) -> usize {
        self.0.len() as usize
    }

    /// Whether memory did not take them.
    #[getter]
    fn on_disk(&self) -> bool {
        self.0.on_disk_now()
    }

    /// Words, contexts and counts.
    #[expect(clippy::type_complexity, reason = "three arrays")]
    fn arrays<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<f32>>)> {
        let (mut words, mut contexts, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        let read = enter(py, |_| {
            self.0.for_each(|word, context, count| {
                words.push(word);
                contexts.push(context);
                counts.push(count);
            })
        })?;
        read.map_err(EmbeddingError::to_py_err)?;
        Ok((words.into_pyarray(py), contexts.into_pyarray(py), counts.into_pyarray(py)))
    }
}

/// Vectors and biases being trained.
#[pyclass(frozen, module = "ferrolm._rust")]
struct GloveParameters {
    parameters: Mutex<Parameters>,
    words: usize,
}

#[pymethods]
impl GloveParameters {
    #[new]
    fn new(words: usize, vector_size: usize, seed: u64) -> PyResult<Self> {
        let parameters = Parameters::new(words, vector_size, seed).map_err(EmbeddingError::to_py_err)?;
        Ok(Self { parameters: Mutex::new(parameters), words })
    }

    /// From (words, `vector_size` + 1) each: values and squares of words, then of contexts.
    #[staticmethod]
    fn from_arrays(
        values: PyReadonlyArray2<'_, f32>,
        squares: PyReadonlyArray2<'_, f32>,
        context_values: PyReadonlyArray2<'_, f32>,
        context_squares: PyReadonlyArray2<'_, f32>,
    ) -> PyResult<Self> {
        let [words, columns] = [values.shape()[0], values.shape()[1]];
        let side = |values: PyReadonlyArray2<'_, f32>, squares: PyReadonlyArray2<'_, f32>| {
            PyResult::Ok(Side { values: values.as_slice()?.to_vec(), squares: squares.as_slice()?.to_vec() })
        };
        let (word, context) = (side(values, squares)?, side(context_values, context_squares)?);
        let parameters = Parameters::from_sides(words, columns.saturating_sub(1), &word, &context);
        Ok(Self { parameters: Mutex::new(parameters.map_err(EmbeddingError::to_py_err)?), words })
    }

    /// Values and squares of words, then of contexts, (words, `vector_size` + 1) each.
    fn arrays<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyArray2<f32>>>> {
        let (sides, columns) = {
            let parameters = self.parameters.lock().unwrap_or_else(PoisonError::into_inner);
            (parameters.sides(), parameters.vector_size() + 1)
        };
        let arrays = sides.into_iter().flat_map(|side| [side.values, side.squares]);
        arrays.map(|values| values.into_pyarray(py).reshape([self.words, columns])).collect()
    }

    /// Train on all pairs once; returns the mean loss.
    #[pyo3(signature = (pairs, *, x_max, alpha, learning_rate, workers, seed))]
    #[expect(clippy::too_many_arguments, reason = "the settings, one by one")]
    fn epoch(
        &self,
        py: Python<'_>,
        pairs: &WordPairs,
        x_max: f32,
        alpha: f32,
        learning_rate: f32,
        workers: usize,
        seed: u64,
    ) -> PyResult<f64> {
        let settings = EpochSettings { x_max, alpha, learning_rate, workers, seed };
        let Ok(mut parameters) = self.parameters.try_lock() else {
            let message = "the model is being trained by another thread: expected one at a time";
            return Err(Kind::InvalidArgumentError.error(message));
        };
        let parameters: &mut Parameters = &mut parameters;
        let loss = enter(py, |cancel| parameters.epoch(&pairs.0, &settings, cancel))?;
        loss.map_err(EmbeddingError::to_py_err)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<WordPairs>()?;
    module.add_class::<GloveParameters>()
}
