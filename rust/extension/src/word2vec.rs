//! Bindings of word2vec's models.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use ferrolm_embedding::{Architecture, EmbeddingError, Model, Pass, Settings, SubwordSettings};
use numpy::{IntoPyArray, PyArray1, PyArray2};
use pyo3::prelude::*;

use crate::embedding::{WordCorpus, matrix};
use crate::enter::{enter, enter_brief};
use crate::errors::ToPyErr;

/// A model of word vectors, which training changes.
#[pyclass(frozen, module = "ferrolm._rust")]
struct WordModel(RwLock<Model>);

#[pymethods]
impl WordModel {
    /// With the vocabulary of a corpus, not trained yet; `bucket` is 0 for a model without subwords.
    #[new]
    #[pyo3(signature = (corpus, *, skip_gram, vector_size, window, shrink_windows, negative, ns_exponent, hierarchical, cbow_mean, sample, seed, min_n=0, max_n=0, bucket=0))]
    #[expect(clippy::too_many_arguments, reason = "the settings, one by one")]
    fn new(
        py: Python<'_>,
        corpus: &WordCorpus,
        skip_gram: bool,
        vector_size: usize,
        window: u32,
        shrink_windows: bool,
        negative: usize,
        ns_exponent: f64,
        hierarchical: bool,
        cbow_mean: bool,
        sample: f64,
        seed: u64,
        min_n: usize,
        max_n: usize,
        bucket: u32,
    ) -> PyResult<Self> {
        let settings = Settings {
            architecture: if skip_gram { Architecture::SkipGram } else { Architecture::Cbow },
            vector_size,
            window,
            shrink_windows,
            negative,
            ns_exponent,
            hierarchical,
            cbow_mean,
            sample,
            seed,
            subwords: (bucket > 0).then_some(SubwordSettings { min_n, max_n, bucket }),
        };
        let model = enter(py, |_| Model::new(&corpus.0, settings))?;
        model.map(Self::of).map_err(EmbeddingError::to_py_err)
    }

    /// Add the words and counts of a corpus.
    fn extend(&self, py: Python<'_>, corpus: &WordCorpus) -> PyResult<()> {
        let extended =
            enter(py, |_| self.0.write().unwrap_or_else(PoisonError::into_inner).extend(&corpus.0))?;
        extended.map_err(EmbeddingError::to_py_err)
    }

    /// One pass over a corpus; returns the words trained on, and the loss if asked for.
    #[pyo3(signature = (corpus, *, epoch, epochs, alpha, min_alpha, workers, compute_loss))]
    #[expect(clippy::too_many_arguments, reason = "the settings, one by one")]
    fn train(
        &self,
        py: Python<'_>,
        corpus: &WordCorpus,
        epoch: u32,
        epochs: u32,
        alpha: f32,
        min_alpha: f32,
        workers: usize,
        compute_loss: bool,
    ) -> PyResult<(u64, f64)> {
        let pass = Pass { epoch, epochs, alpha, min_alpha, workers, compute_loss };
        let trained = enter(py, |cancel| {
            self.0.write().unwrap_or_else(PoisonError::into_inner).train(&corpus.0, &pass, cancel)
        })?;
        let trained = trained.map_err(EmbeddingError::to_py_err)?;
        Ok((trained.words, trained.loss))
    }

    #[getter]
    fn words(&self, py: Python<'_>) -> Vec<String> {
        self.read(py, |model| model.words().map(str::to_owned).collect())
    }

    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u64>> {
        self.read(py, |model| model.counts().to_vec()).into_pyarray(py)
    }

    /// The vectors of all words, (words, `vector_size`).
    fn vectors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (values, size) = self.read(py, |model| (model.vectors(), model.settings().vector_size));
        matrix(py, values, size)
    }

    /// The vector of any word; `None` if it is unknown and has no known parts.
    fn vector<'py>(&self, py: Python<'py>, word: &str) -> Option<Bound<'py, PyArray1<f32>>> {
        self.read(py, |model| model.vector(word)).map(|vector| vector.into_pyarray(py))
    }

    /// The vectors of words as what is predicted; `None` without negative sampling.
    fn output_vectors<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray2<f32>>>> {
        let (values, size) = self.read(py, |model| (model.output_vectors(), model.settings().vector_size));
        values.map(|values| matrix(py, values, size)).transpose()
    }

    fn save(&self, py: Python<'_>, path: PathBuf, note: &str) -> PyResult<()> {
        let saved = enter(py, |cancel| self.guard().save(&path, note, cancel))?;
        saved.map_err(EmbeddingError::to_py_err)
    }

    /// The model of a file, and the note that was saved with it.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<(Self, String)> {
        let loaded = enter(py, |cancel| Model::load(&path, cancel))?;
        let (model, note) = loaded.map_err(EmbeddingError::to_py_err)?;
        Ok((Self::of(model), note))
    }
}

impl WordModel {
    fn of(model: Model) -> Self {
        Self(RwLock::new(model))
    }

    /// Waits while the model is trained; not to be called with the interpreter held.
    fn guard(&self) -> RwLockReadGuard<'_, Model> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&Model) -> T + Send) -> T {
        enter_brief(py, |_| work(&self.guard()))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<WordModel>()
}
