//! Bindings of `ferrolm-embedding`.

use std::path::PathBuf;

use ferrolm_embedding::format::{self, Reading, Unicode, Writing};
use ferrolm_embedding::{Corpus, CorpusBuilder, EmbeddingError, Selection, read_text_file};
use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray2, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::enter::enter;
use crate::errors::{Kind, ToPyErr};
use crate::unsafe_sequences::{List, iterate};

/// Sentences as ids of the words that occur often enough.
#[pyclass(frozen, module = "ferrolm._rust")]
pub struct WordCorpus(pub Corpus);

#[pymethods]
impl WordCorpus {
    /// From an iterable of sentences: sequences of words, or strings that are split at white space.
    #[new]
    #[pyo3(signature = (sentences, min_count, *, max_final_vocab=None, sorted_vocab=true, ids_in_memory=None))]
    fn new(
        py: Python<'_>,
        sentences: &Bound<'_, PyAny>,
        min_count: u64,
        max_final_vocab: Option<usize>,
        sorted_vocab: bool,
        ids_in_memory: Option<usize>,
    ) -> PyResult<Self> {
        let mut builder = builder(ids_in_memory);
        for (index, sentence) in sentences.try_iter()?.enumerate() {
            if index % 1024 == 0 {
                py.check_signals()?;
            }
            add_sentence(&mut builder, &sentence?, index)?;
        }
        let selection = Selection { min_count, max_final_vocab, sorted: sorted_vocab };
        let corpus = enter(py, |cancel| builder.select(&selection, cancel))?;
        corpus.map(Self).map_err(EmbeddingError::to_py_err)
    }

    /// From a text file with a sentence on each line.
    #[staticmethod]
    #[pyo3(signature = (path, min_count, *, max_final_vocab=None, sorted_vocab=true, ids_in_memory=None))]
    fn from_file(
        py: Python<'_>,
        path: PathBuf,
        min_count: u64,
        max_final_vocab: Option<usize>,
        sorted_vocab: bool,
        ids_in_memory: Option<usize>,
    ) -> PyResult<Self> {
        let selection = Selection { min_count, max_final_vocab, sorted: sorted_vocab };
        let corpus = enter(py, |cancel| {
            let mut builder = builder(ids_in_memory);
            read_text_file(&mut builder, &path, cancel)?;
            builder.select(&selection, cancel)
        })?;
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

    /// Words that were read, dropped ones as well.
    #[getter]
    fn raw_words(&self) -> u64 {
        self.0.raw_words()
    }

    #[getter]
    fn num_sentences(&self) -> u64 {
        self.0.num_sentences()
    }

    /// Whether the ids lie in a temporary file.
    #[getter]
    fn is_spooled(&self) -> bool {
        self.0.is_spooled()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}

fn builder(ids_in_memory: Option<usize>) -> CorpusBuilder {
    ids_in_memory.map_or_else(CorpusBuilder::new, CorpusBuilder::with_ids_in_memory)
}

fn add_sentence(builder: &mut CorpusBuilder, sentence: &Bound<'_, PyAny>, index: usize) -> PyResult<()> {
    if let Ok(text) = sentence.cast::<PyString>() {
        builder.push_text(&text.to_cow()?).map_err(EmbeddingError::to_py_err)?;
    } else {
        for word in iterate(sentence)? {
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

pub fn matrix(py: Python<'_>, values: Vec<f32>, columns: usize) -> PyResult<Bound<'_, PyArray2<f32>>> {
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
    words: List<String>,
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
