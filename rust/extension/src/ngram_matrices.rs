//! Bindings of `ferrolm_ngram::matrix`.

use std::sync::Arc;

use ferrolm_ngram::WordTable;
use ferrolm_ngram::matrix::{
    Analyzer, Characters, Counted, Features, Hashed, Hashing, Norm, Place, Prepared, Units, document_ngrams,
};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyUnicodeEncodeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDict, PyList, PyString};

use crate::enter::enter;
use crate::errors::Kind;
use crate::ngram::{raise, slice};
use crate::unsafe_sequences::{List, collected, iterate};

type Array<'py, T> = Bound<'py, PyArray1<T>>;
/// Row starts, columns, counts.
type PyCounted<'py> = (Array<'py, i64>, Array<'py, u32>, Array<'py, u32>);
/// Row starts, columns, values.
type PyHashed<'py> = (Array<'py, i64>, Array<'py, u32>, Array<'py, f64>);

fn counted(py: Python<'_>, counted: Counted) -> PyCounted<'_> {
    (counted.starts.into_pyarray(py), counted.columns.into_pyarray(py), counted.counts.into_pyarray(py))
}

fn hashed(py: Python<'_>, hashed: Hashed) -> PyHashed<'_> {
    (hashed.starts.into_pyarray(py), hashed.columns.into_pyarray(py), hashed.values.into_pyarray(py))
}

/// Texts of a list, borrowed; the error names the first that is not valid Unicode.
pub(crate) struct Texts(Vec<PyBackedStr>);

impl<'py> FromPyObject<'_, 'py> for Texts {
    type Error = PyErr;

    fn extract(list: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let one = |(index, item): (usize, PyResult<Bound<'py, PyAny>>)| {
            let item = item?;
            item.extract::<PyBackedStr>().map_err(|error| {
                let kind = if error.is_instance_of::<PyUnicodeEncodeError>(item.py()) {
                    Kind::InvalidEncodingError
                } else {
                    Kind::InvalidTypeError
                };
                kind.error(format!("text {index} is no valid text: {error}"))
            })
        };
        collected(&list, iterate(&list)?.enumerate().map(one)).map(Self)
    }
}

impl Texts {
    pub(crate) fn strs(&self) -> Vec<&str> {
        self.0.iter().map(|text| &**text).collect()
    }
}

/// Documents as features, one document after the other.
struct PyPrepared {
    features: Vec<PyBackedStr>,
    offsets: Vec<usize>,
}

impl<'py> FromPyObject<'_, 'py> for PyPrepared {
    type Error = PyErr;

    fn extract(documents: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let mut prepared = Self { features: Vec::new(), offsets: vec![0] };
        for document in iterate(&documents)? {
            let Texts(features) = document?.extract()?;
            prepared.features.extend(features);
            prepared.offsets.push(prepared.features.len());
        }
        Ok(prepared)
    }
}

impl PyPrepared {
    fn with<T>(&self, work: impl FnOnce(Prepared<'_>) -> T) -> T {
        let features: Vec<&str> = self.features.iter().map(|feature| &**feature).collect();
        work(Prepared { features: &features, offsets: &self.offsets })
    }
}

/// What the interpreter knows of characters.
#[pyclass(frozen, module = "ferrolm._rust")]
struct CharacterTables(Arc<Characters>);

#[pymethods]
impl CharacterTables {
    #[new]
    fn new(
        words: List<(u32, u32)>,
        spaces: List<(u32, u32)>,
        ignorable: List<(u32, u32)>,
        cased: List<(u32, u32)>,
        lower: List<(char, char)>,
    ) -> PyResult<Self> {
        raise(Characters::new(&words, &spaces, &ignorable, &cased, &lower))
            .map(|tables| Self(Arc::new(tables)))
    }

    fn lower(&self, text: &str) -> String {
        let mut lowered = String::new();
        self.0.lower_into(text, &mut lowered);
        lowered
    }

    fn words(&self, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        self.0.words(text, |word| words.push(word.to_owned()));
        words
    }
}

/// Names of columns.
#[pyclass(frozen, module = "ferrolm._rust")]
struct NgramFeatures(Features);

#[pymethods]
impl NgramFeatures {
    #[new]
    fn new(names: Texts) -> Self {
        Self(Features::new(names.strs().into_iter()))
    }

    /// From documents as lists of features.
    #[staticmethod]
    fn fit(py: Python<'_>, documents: PyPrepared) -> PyResult<(Self, PyCounted<'_>)> {
        let fitted = enter(py, |cancel| documents.with(|prepared| prepared.fit(cancel)))?;
        let (features, counts) = raise(fitted)?;
        Ok((Self(features), counted(py, counts)))
    }

    fn transform<'py>(&self, py: Python<'py>, documents: PyPrepared) -> PyResult<PyCounted<'py>> {
        let found = enter(py, |cancel| documents.with(|prepared| prepared.transform(&self.0, cancel)))?;
        Ok(counted(py, raise(found)?))
    }

    fn names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let names = PyList::empty(py);
        self.0.each(|name| names.append(PyString::new(py, name)))?;
        Ok(names)
    }

    fn vocabulary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let vocabulary = PyDict::new(py);
        let mut column = 0u32;
        self.0.each(|name| {
            vocabulary.set_item(PyString::new(py, name), column)?;
            column += 1;
            PyResult::Ok(())
        })?;
        Ok(vocabulary)
    }

    fn select(&self, kept: PyReadonlyArray1<'_, bool>) -> PyResult<Self> {
        Ok(Self(self.0.select(slice(&kept, "kept")?)))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}

fn hashing(n_features: u32, alternate_sign: bool, binary: bool, norm: Option<&str>) -> PyResult<Hashing> {
    let norm = match norm {
        None => Norm::None,
        Some("l1") => Norm::L1,
        Some("l2") => Norm::L2,
        Some(other) => {
            let message = format!("norm is {other:?}, expected 'l1', 'l2' or None");
            return Err(Kind::InvalidArgumentError.error(message));
        }
    };
    Ok(Hashing { features: n_features, alternate_sign, binary, norm })
}

/// How documents become features.
#[pyclass(frozen, module = "ferrolm._rust")]
struct NgramAnalyzer(Analyzer);

#[pymethods]
impl NgramAnalyzer {
    #[new]
    fn new(
        tables: &CharacterTables,
        units: &str,
        lowercase: bool,
        stop_words: Texts,
        ngram_range: (usize, usize),
    ) -> PyResult<Self> {
        let units = match units {
            "word" => Units::Words,
            "char" => Units::Characters,
            "char_wb" => Units::CharactersInWords,
            other => {
                let message = format!("analyzer is {other:?}, expected 'word', 'char' or 'char_wb'");
                return Err(Kind::InvalidArgumentError.error(message));
            }
        };
        let mut table = WordTable::new();
        stop_words.strs().into_iter().for_each(|word| _ = table.insert(word));
        raise(Analyzer::new(Arc::clone(&tables.0), units, lowercase, table, ngram_range)).map(Self)
    }

    fn features(&self, text: &str) -> Vec<String> {
        let mut features = Vec::new();
        self.0.features(text, |feature| features.push(feature.to_owned()));
        features
    }

    fn fit<'py>(&self, py: Python<'py>, texts: Texts) -> PyResult<(NgramFeatures, PyCounted<'py>)> {
        let (features, counts) = raise(enter(py, |cancel| self.0.fit(&texts.strs(), cancel))?)?;
        Ok((NgramFeatures(features), counted(py, counts)))
    }

    fn transform<'py>(
        &self,
        py: Python<'py>,
        texts: Texts,
        features: &NgramFeatures,
    ) -> PyResult<PyCounted<'py>> {
        let found = enter(py, |cancel| self.0.transform(&texts.strs(), &features.0, cancel))?;
        Ok(counted(py, raise(found)?))
    }

    fn hash<'py>(
        &self,
        py: Python<'py>,
        texts: Texts,
        n_features: u32,
        alternate_sign: bool,
        binary: bool,
        norm: Option<&str>,
    ) -> PyResult<PyHashed<'py>> {
        let hashing = hashing(n_features, alternate_sign, binary, norm)?;
        let made = enter(py, |cancel| self.0.hash(&texts.strs(), &hashing, cancel))?;
        Ok(hashed(py, raise(made)?))
    }
}

/// Hash documents that are lists of features.
#[pyfunction]
fn hash_features(
    py: Python<'_>,
    documents: PyPrepared,
    n_features: u32,
    alternate_sign: bool,
    binary: bool,
    norm: Option<String>,
) -> PyResult<PyHashed<'_>> {
    let hashing = hashing(n_features, alternate_sign, binary, norm.as_deref())?;
    let made = enter(py, |cancel| documents.with(|prepared| prepared.hash(&hashing, cancel)))?;
    Ok(hashed(py, raise(made)?))
}

/// Counts, and the n-gram of each column: keys one after the other, and where each starts.
#[pyfunction]
fn count_document_ngrams<'py>(
    py: Python<'py>,
    ids: PyReadonlyArray1<'py, u32>,
    offsets: PyReadonlyArray1<'py, i64>,
    orders: List<usize>,
) -> PyResult<(PyCounted<'py>, Array<'py, u32>, Array<'py, i64>)> {
    let (ids, offsets) = (slice(&ids, "ids")?, slice(&offsets, "offsets")?);
    let (counts, places) = raise(enter(py, |cancel| document_ngrams(ids, offsets, &orders, cancel))?)?;
    let key = |place: &Place| {
        let start = place.position as usize;
        ids[start..start + usize::from(place.order)].iter().copied()
    };
    let keys: Vec<u32> = places.iter().flat_map(key).collect();
    let ends = places.iter().scan(0, |end, place| {
        *end += i64::from(place.order);
        Some(*end)
    });
    let starts: Vec<i64> = std::iter::once(0).chain(ends).collect();
    Ok((counted(py, counts), keys.into_pyarray(py), starts.into_pyarray(py)))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<CharacterTables>()?;
    module.add_class::<NgramFeatures>()?;
    module.add_class::<NgramAnalyzer>()?;
    module.add_function(wrap_pyfunction!(hash_features, module)?)?;
    module.add_function(wrap_pyfunction!(count_document_ngrams, module)?)
}
