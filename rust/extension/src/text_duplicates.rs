//! Bindings of `ferrolm_text::duplicates`.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ferrolm_text::duplicates::{self, DuplicatesError, Sketcher, Unit};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::enter::{enter, enter_brief};
use crate::errors::ToPyErr;
use crate::text_words::text;
use crate::unsafe_sequences::List;

/// Hashes of the texts seen so far.
#[pyclass(frozen, module = "ferrolm._rust")]
struct SeenTexts(Mutex<duplicates::SeenTexts>);

impl SeenTexts {
    fn with<T>(&self, work: impl FnOnce(&mut duplicates::SeenTexts) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl SeenTexts {
    #[new]
    fn new(verbatim: bool) -> Self {
        Self(Mutex::new(duplicates::SeenTexts::new(verbatim)))
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let seen = enter(py, |cancel| duplicates::SeenTexts::load(&path, cancel))?;
        Ok(Self(Mutex::new(seen.map_err(DuplicatesError::to_py_err)?)))
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        enter(py, |cancel| self.with(|seen| seen.save(&path, cancel)))?.map_err(DuplicatesError::to_py_err)
    }

    #[getter]
    fn verbatim(&self) -> bool {
        self.with(|seen| seen.verbatim)
    }

    fn __len__(&self) -> usize {
        self.with(|seen| seen.len())
    }

    /// Which of the texts are new; they are remembered one after another.
    fn add_all(&self, py: Python<'_>, texts: List<Bound<'_, PyString>>) -> PyResult<Vec<bool>> {
        let texts: Vec<_> = texts.iter().map(text).collect();
        let added = enter(py, |cancel| {
            let plain = duplicates::SeenTexts::new(self.verbatim());
            let hash = |text: &str| cancel.check().map(|()| plain.hash(text));
            let hashes = ferrolm_text::each(&texts, hash)?;
            Ok(self.with(|seen| seen.add_hashes(&hashes)))
        })?;
        added.map_err(DuplicatesError::to_py_err)
    }

    fn add(&self, py: Python<'_>, document: Bound<'_, PyString>) -> bool {
        let text = text(&document);
        enter_brief(py, |_| self.with(|seen| seen.add(&text)))
    }

    fn without_repeats(
        &self,
        py: Python<'_>,
        document: Bound<'_, PyString>,
        paragraphs: bool,
        min_characters: usize,
    ) -> String {
        let unit = if paragraphs { Unit::Paragraph } else { Unit::Line };
        let text = text(&document);
        enter_brief(py, |_| self.with(|seen| seen.without_repeats(&text, unit, min_characters)))
    }
}

/// Sketches of the texts that are not nearly the same as one before.
#[pyclass(frozen, module = "ferrolm._rust")]
struct NearDuplicates(Mutex<duplicates::NearDuplicates>);

impl NearDuplicates {
    fn with<T>(&self, work: impl FnOnce(&mut duplicates::NearDuplicates) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl NearDuplicates {
    #[new]
    fn new(threshold: f64, ngram: usize, bins: usize, seed: u64) -> PyResult<Self> {
        let set = duplicates::NearDuplicates::new(threshold, Sketcher { ngram, bins, seed });
        Ok(Self(Mutex::new(set.map_err(DuplicatesError::to_py_err)?)))
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let set = enter(py, |cancel| duplicates::NearDuplicates::load(&path, cancel))?;
        Ok(Self(Mutex::new(set.map_err(DuplicatesError::to_py_err)?)))
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        enter(py, |cancel| self.with(|set| set.save(&path, cancel)))?.map_err(DuplicatesError::to_py_err)
    }

    /// `threshold`, `ngram`, `bins` and `seed`.
    #[getter]
    fn settings(&self) -> (f64, usize, usize, u64) {
        self.with(|set| {
            let Sketcher { ngram, bins, seed } = set.sketcher();
            (set.threshold(), ngram, bins, seed)
        })
    }

    #[getter]
    fn memory(&self) -> usize {
        self.with(|set| set.memory())
    }

    fn __len__(&self) -> usize {
        self.with(|set| set.len())
    }

    /// For each text, the number of the earlier text that it nearly is and their similarity, if there is one.
    fn add_all(&self, py: Python<'_>, texts: List<Bound<'_, PyString>>) -> PyResult<Vec<Option<(u64, f64)>>> {
        let texts: Vec<_> = texts.iter().map(text).collect();
        let sketcher = self.with(|set| set.sketcher());
        // The lock is taken when the parallel part is over: a thread of the pool that waits for others may begin with
        // another call, and would wait for itself.
        let found = enter(py, |cancel| {
            let sketches = sketcher.sketch_all(&texts, cancel)?;
            self.with(|set| set.add_all(sketches, cancel))
        })?;
        let found = found.map_err(DuplicatesError::to_py_err)?;
        Ok(found.into_iter().map(|similar| similar.map(|found| (found.text, found.jaccard))).collect())
    }

    fn add(&self, py: Python<'_>, document: Bound<'_, PyString>) -> PyResult<Option<(u64, f64)>> {
        let text = text(&document);
        let sketcher = self.with(|set| set.sketcher());
        let similar = enter_brief(py, |_| {
            let sketch = sketcher.sketch(&text);
            self.with(|set| set.add(sketch))
        });
        let similar = similar.map_err(DuplicatesError::to_py_err)?;
        Ok(similar.map(|found| (found.text, found.jaccard)))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SeenTexts>()?;
    module.add_class::<NearDuplicates>()
}
