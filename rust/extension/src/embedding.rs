//! Bindings of `ferrolm-embedding`.

use std::path::PathBuf;

use ferrolm_embedding::format::{self, Reading, Unicode, Writing};
use ferrolm_embedding::{Architecture, Corpus, CorpusBuilder, EmbeddingError, Settings, train};
use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray2, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::enter::enter;
use crate::errors::{Kind, ToPyErr};

/// Sentences as ids of the words that occur often enough.
#[pyclass(frozen, module = "ferrolm._rust")]
pub struct WordCorpus(pub Corpus);

#[pymethods]
impl WordCorpus {
    /// From an iterable of sentences: sequences of words, or strings that are split at white space.
    #[new]
    fn new(py: Python<'_>, sentences: &Bound<'_, PyAny>, min_count: u64) -> PyResult<Self> {
        let mut builder = CorpusBuilder::new();
        for (index, sentence) in sentences.try_iter()?.enumerate() {
            if index % 1024 == 0 {
                py.check_signals()?;
            }
            add_sentence(&mut builder, &sentence?, index)?;
        }
        let corpus = enter(py, |_| builder.finish(min_count))?;
        corpus.map(Self).map_err(EmbeddingError::to_py_err)
    }

    #[getter]
    fn words(&self) -> Vec<&str> {
        self.0.words().iter().map(String::as_str).collect()
    }

    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.0.counts().to_vec().into_pyarray(py).into_any()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Train word2vec; returns (words, `vector_size`).
    #[pyo3(signature = (*, skip_gram, vector_size, window, negative, ns_exponent, sample, alpha, min_alpha, epochs, workers, seed))]
    #[expect(clippy::too_many_arguments, reason = "the settings, one by one")]
    fn word2vec<'py>(
        &self,
        py: Python<'py>,
        skip_gram: bool,
        vector_size: usize,
        window: u32,
        negative: usize,
        ns_exponent: f64,
        sample: f64,
        alpha: f32,
        min_alpha: f32,
        epochs: u32,
        workers: usize,
        seed: u64,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let architecture = if skip_gram { Architecture::SkipGram } else { Architecture::Cbow };
        let settings = Settings {
            architecture,
            vector_size,
            window,
            negative,
            ns_exponent,
            sample,
            alpha,
            min_alpha,
            epochs,
            workers,
            seed,
        };
        let values = enter(py, |cancel| train(&self.0, &settings, cancel))?;
        matrix(py, values.map_err(EmbeddingError::to_py_err)?, vector_size)
    }
}

fn add_sentence(builder: &mut CorpusBuilder, sentence: &Bound<'_, PyAny>, index: usize) -> PyResult<()> {
    if let Ok(text) = sentence.cast::<PyString>() {
        let words = text.to_cow()?;
        words
            .split_whitespace()
            .try_for_each(|word| builder.push(word))
            .map_err(EmbeddingError::to_py_err)?;
    } else {
        for word in sentence.try_iter()? {
            let word = word?;
            let Ok(word) = word.cast::<PyString>() else {
                let kind = word.get_type();
                let message = format!("sentence {index} has a word of type {kind}: expected str");
                return Err(Kind::InvalidTypeError.error(message));
            };
            builder.push(&word.to_cow()?).map_err(EmbeddingError::to_py_err)?;
        }
    }
    builder.end_sentence();
    Ok(())
}

fn matrix(py: Python<'_>, values: Vec<f32>, columns: usize) -> PyResult<Bound<'_, PyArray2<f32>>> {
    let rows = values.len().checked_div(columns).unwrap_or(0);
    let matrix = Array2::from_shape_vec((rows, columns), values);
    Ok(matrix.map_err(|error| Kind::ShapeError.error(error.to_string()))?.into_pyarray(py))
}

/// Words and vectors of a file in the format of word2vec.
#[pyfunction]
fn load_word_vectors(
    py: Python<'_>,
    path: PathBuf,
    binary: bool,
    no_header: bool,
    limit: Option<usize>,
    unicode_errors: String,
) -> PyResult<(Vec<String>, Bound<'_, PyArray2<f32>>)> {
    let unicode = match unicode_errors.as_str() {
        "strict" => Unicode::Strict,
        "replace" => Unicode::Replace,
        "ignore" => Unicode::Ignore,
        other => {
            let message =
                format!("unicode_errors is {other:?}: expected \"strict\", \"replace\" or \"ignore\"");
            return Err(Kind::InvalidArgumentError.error(message));
        }
    };
    let reading = Reading { binary, no_header, limit, unicode };
    let vectors = enter(py, |cancel| format::load(&path, &reading, cancel))?;
    let vectors = vectors.map_err(EmbeddingError::to_py_err)?;
    Ok((vectors.words, matrix(py, vectors.values, vectors.size)?))
}

/// Write words and vectors in the format of word2vec.
#[pyfunction]
fn save_word_vectors(
    py: Python<'_>,
    path: PathBuf,
    words: Vec<String>,
    vectors: PyReadonlyArray2<'_, f32>,
    binary: bool,
    header: bool,
) -> PyResult<()> {
    let (values, writing) = (vectors.as_slice()?, Writing { binary, header });
    let saved = enter(py, |cancel| format::save(&path, &words, values, writing, cancel))?;
    saved.map_err(EmbeddingError::to_py_err)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<WordCorpus>()?;
    module.add_function(wrap_pyfunction!(load_word_vectors, module)?)?;
    module.add_function(wrap_pyfunction!(save_word_vectors, module)?)
}
