//! Bindings of `ferrolm-ngram`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferrolm_ngram::cache::{self, Cache, Documents};
use ferrolm_ngram::interpolate;
use ferrolm_ngram::text::{self, Reserved, Text};
use ferrolm_ngram::tune::Source;
use ferrolm_ngram::{
    Corpus, Counts, Ends, Model, NgramError, Options, OrderCounts, OrderReport, Smoothing, State, Total,
    WordTable,
};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyUnicodeEncodeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyList};

use crate::enter::{enter, enter_brief};
use crate::errors::{Kind, ToPyErr};
use crate::unsafe_sequences::List;
use crate::unsafe_shown::view;

impl ToPyErr for NgramError {
    fn to_py_err(self) -> PyErr {
        match self {
            Self::File(error) => error.to_py_err(),
            Self::Cancelled(error) => error.to_py_err(),
            Self::InvalidFile { .. } => Kind::InvalidFileError.error(self.to_string()),
            Self::InvalidEncoding(_) => Kind::InvalidEncodingError.error(self.to_string()),
            Self::Limit(_) => Kind::LimitError.error(self.to_string()),
            _ => Kind::InvalidArgumentError.error(self.to_string()),
        }
    }
}

pub(crate) fn raise<T>(result: Result<T, NgramError>) -> PyResult<T> {
    result.map_err(ToPyErr::to_py_err)
}

/// Text as Python has it: one string of lines, or a list of sentences.
pub(crate) enum PyText {
    Lines(PyBackedStr),
    Sentences(Vec<PyBackedStr>),
}

impl<'py> FromPyObject<'_, 'py> for PyText {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let one = |object: &Bound<'py, PyAny>, name: &dyn Fn() -> String| {
            object.extract::<PyBackedStr>().map_err(|error| {
                if error.is_instance_of::<PyUnicodeEncodeError>(object.py()) {
                    Kind::InvalidEncodingError.error(format!("{} is not valid Unicode: {error}", name()))
                } else {
                    error
                }
            })
        };
        let Ok(list) = object.cast::<PyList>() else {
            return one(&object, &|| "the text".to_owned()).map(Self::Lines);
        };
        let sentences =
            list.iter().enumerate().map(|(index, item)| one(&item, &|| format!("sentence {index}")));
        sentences.collect::<PyResult<_>>().map(Self::Sentences)
    }
}

impl PyText {
    /// Call `work` with the text.
    pub(crate) fn with<T>(&self, work: impl FnOnce(Text<'_>) -> T) -> T {
        match self {
            Self::Lines(text) => work(Text::Lines(text)),
            Self::Sentences(sentences) => {
                let sentences: Vec<&str> = sentences.iter().map(|sentence| &**sentence).collect();
                work(Text::Sentences(&sentences))
            }
        }
    }

    fn sentences(&self) -> Vec<&str> {
        match self {
            Self::Lines(text) => text::sentences(Text::Lines(text)),
            Self::Sentences(sentences) => sentences.iter().map(|sentence| &**sentence).collect(),
        }
    }
}

pub(crate) fn slice<'a, T: numpy::Element>(
    array: &'a PyReadonlyArray1<'_, T>,
    name: &str,
) -> PyResult<&'a [T]> {
    array.as_slice().map_err(|_| Kind::ShapeError.error(format!("{name} must be contiguous")))
}

fn checked<'a>(ids: &'a [u32], offsets: &'a [i64]) -> PyResult<(&'a [u32], &'a [i64])> {
    raise(ferrolm_ngram::check_offsets(offsets, ids.len()))?;
    Ok((ids, offsets))
}

#[pyclass(frozen, name = "NgramCounts", module = "ferrolm._rust")]
pub(crate) struct PyCounts(pub(crate) Counts);

#[pymethods]
impl PyCounts {
    #[staticmethod]
    fn of_text(py: Python<'_>, text: PyText, orders: List<usize>) -> PyResult<Self> {
        raise(enter(py, |cancel| {
            let mut words = WordTable::new();
            let corpus = text.with(|text| text::read(text, &mut words, None, Reserved::Plain, cancel))?;
            Counts::of(&corpus, Some(words), &orders, cancel).map(Self)
        })?)
    }

    #[staticmethod]
    fn of_ids(
        py: Python<'_>,
        ids: PyReadonlyArray1<'_, u32>,
        offsets: PyReadonlyArray1<'_, i64>,
        orders: List<usize>,
    ) -> PyResult<Self> {
        let (ids, offsets) = (slice(&ids, "ids")?, slice(&offsets, "offsets")?);
        raise(enter(py, |cancel| {
            Counts::of(&Corpus::from_all_ids(ids, offsets)?, None, &orders, cancel).map(Self)
        })?)
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf, mmap: bool) -> PyResult<Self> {
        raise(enter(py, |cancel| Counts::load(&path, mmap, cancel).map(Self))?)
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        raise(enter(py, |cancel| Counts::from_bytes(bytes, cancel).map(Self))?)
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = raise(enter(py, |cancel| self.0.to_bytes(cancel))?)?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        raise(enter(py, |cancel| self.0.save(&path, cancel))?)
    }

    fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        raise(enter(py, |_| self.0.merge(&other.0).map(Self))?)
    }

    fn at_least(&self, py: Python<'_>, least: u64) -> PyResult<Self> {
        enter(py, |_| Self(self.0.at_least(least)))
    }

    fn orders(&self) -> Vec<usize> {
        self.0.orders.iter().map(|order| usize::from(order.order)).collect()
    }

    fn sizes(&self) -> Vec<usize> {
        self.0.orders.iter().map(OrderCounts::len).collect()
    }

    fn tokens(&self) -> u64 {
        self.0.tokens
    }

    fn words(&self) -> Option<Vec<&str>> {
        self.0.words.as_ref().map(|words| words.iter().collect())
    }

    /// Keys, flat, and counts of an order: views of our memory.
    #[expect(clippy::type_complexity, reason = "two arrays")]
    fn arrays<'py>(
        slf: &Bound<'py, Self>,
        order: usize,
    ) -> PyResult<(Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<u64>>)> {
        slf.get().find(order)?;
        let keys = view(slf, |counts| counts.order(order).map_or(&[][..], |order| &order.keys));
        Ok((keys, view(slf, |counts| counts.order(order).map_or(&[][..], |order| &order.counts))))
    }

    fn get_words(&self, ngram: List<PyBackedStr>) -> PyResult<u64> {
        let counts = self.find(ngram.len())?;
        let numbers = self.0.words.as_ref().map(|words| ngram.iter().map(|word| words.get(word)).collect());
        Ok(numbers.flatten().map_or(0, |numbers: Vec<u32>| counts.get(&numbers)))
    }

    fn get_ids(&self, ngram: List<u32>) -> PyResult<u64> {
        Ok(self.find(ngram.len())?.get(&ngram))
    }

    /// Flat keys and counts of the `number` most frequent n-grams.
    fn most_common(&self, py: Python<'_>, number: usize, order: usize) -> PyResult<(Vec<u32>, Vec<u64>)> {
        let counts = self.find(order)?;
        Ok(enter_brief(py, |_| {
            let places = counts.most_common(number);
            let keys = places.iter().flat_map(|&place| counts.key(place).iter().copied()).collect();
            (keys, places.iter().map(|&place| counts.counts[place]).collect())
        }))
    }
}

impl PyCounts {
    fn find(&self, order: usize) -> PyResult<&OrderCounts> {
        let missing = || {
            let message = format!("order is {order}, but the counted orders are {:?}", self.orders());
            Kind::InvalidArgumentError.error(message)
        };
        self.0.order(order).ok_or_else(missing)
    }
}

/// What training reports of an order: n-grams seen and kept, discounts, why the fallback was used.
pub(crate) type PyReport = (usize, usize, [f64; 3], Option<String>);

pub(crate) fn report(report: OrderReport) -> PyReport {
    (report.seen, report.kept, report.discounts, report.fallback)
}

/// The options of training; `smoothing` is a method's name with its numbers, `vocabulary` a text of words.
pub(crate) fn options(
    order: usize,
    smoothing: &(String, Vec<f64>),
    prune: List<u32>,
    interpolate_unigrams: bool,
    discount_fallback: Option<[f64; 3]>,
    vocabulary: Option<&PyText>,
) -> PyResult<Options> {
    let smoothing = raise(Smoothing::from_name(&smoothing.0, &smoothing.1))?;
    let vocabulary = vocabulary.map(|words| words.with(ferrolm_ngram::train::words));
    Ok(Options { order, smoothing, prune: prune.0, interpolate_unigrams, discount_fallback, vocabulary })
}

/// log10, log10 of unknown words, tokens, unknown words.
pub(crate) type PyTotal = (f64, f64, u64, u64);

pub(crate) fn total(total: Total) -> PyTotal {
    (total.log10, total.log10_unknown, total.tokens, total.unknown)
}

#[pyclass(frozen, name = "NgramModel", module = "ferrolm._rust")]
pub(crate) struct PyModel(pub(crate) Arc<Model>);

#[pymethods]
impl PyModel {
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "the options of training, each named in Python")]
    fn train_text(
        py: Python<'_>,
        text: PyText,
        skip_symbols: bool,
        order: usize,
        smoothing: (String, Vec<f64>),
        prune: List<u32>,
        interpolate_unigrams: bool,
        discount_fallback: Option<[f64; 3]>,
        vocabulary: Option<PyText>,
    ) -> PyResult<(Self, Vec<PyReport>)> {
        let options =
            options(order, &smoothing, prune, interpolate_unigrams, discount_fallback, vocabulary.as_ref())?;
        let trained = enter(py, |cancel| {
            text.with(|text| ferrolm_ngram::train::from_text(text, skip_symbols, &options, cancel))
        })?;
        let (model, reports) = raise(trained)?;
        Ok((Self(Arc::new(model)), reports.into_iter().map(report).collect()))
    }

    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "the options of training, each named in Python")]
    fn train_ids(
        py: Python<'_>,
        ids: PyReadonlyArray1<'_, u32>,
        offsets: PyReadonlyArray1<'_, i64>,
        vocab_size: u32,
        order: usize,
        smoothing: (String, Vec<f64>),
        prune: List<u32>,
        interpolate_unigrams: bool,
        discount_fallback: Option<[f64; 3]>,
        vocabulary: Option<PyText>,
    ) -> PyResult<(Self, Vec<PyReport>)> {
        let options =
            options(order, &smoothing, prune, interpolate_unigrams, discount_fallback, vocabulary.as_ref())?;
        let (ids, offsets) = (slice(&ids, "ids")?, slice(&offsets, "offsets")?);
        let trained =
            enter(py, |cancel| ferrolm_ngram::train::from_ids(ids, offsets, vocab_size, &options, cancel))?;
        let (model, reports) = raise(trained)?;
        Ok((Self(Arc::new(model)), reports.into_iter().map(report).collect()))
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf, mmap: bool) -> PyResult<Self> {
        let model = raise(enter(py, |cancel| ferrolm_ngram::load(&path, mmap, cancel))?)?;
        Ok(Self(Arc::new(model)))
    }

    fn save_arpa(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        raise(enter(py, |cancel| ferrolm_ngram::arpa::save(&self.0, &path, cancel))?)
    }

    fn save_flm(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        raise(enter(py, |cancel| ferrolm_ngram::flm::save(&self.0, &path, cancel))?)
    }

    /// The model in the compact layout, its values quantized to `bits` if given.
    fn compact(&self, py: Python<'_>, bits: Option<u32>) -> PyResult<Self> {
        Ok(Self(Arc::new(raise(enter(py, |cancel| self.0.compact(bits, cancel))?)?)))
    }

    /// The model in the plain layout.
    fn expand(&self, py: Python<'_>) -> PyResult<Self> {
        Ok(Self(Arc::new(raise(enter(py, |cancel| self.0.expand(cancel))?)?)))
    }

    /// The model in the hashed layout.
    fn hashed(&self, py: Python<'_>) -> PyResult<Self> {
        Ok(Self(Arc::new(raise(enter(py, |cancel| self.0.hashed(cancel))?)?)))
    }

    fn layout(&self) -> &'static str {
        self.0.layout()
    }

    /// Bytes of the n-grams.
    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn order(&self) -> usize {
        self.0.order()
    }

    fn counts(&self) -> Vec<usize> {
        self.0.counts()
    }

    fn is_ids(&self) -> bool {
        self.0.vocabulary().is_ids()
    }

    fn vocab_size(&self) -> u32 {
        self.0.vocabulary().size()
    }

    /// The numbers of `<unk>`, `<s>` and `</s>`.
    fn special_ids(&self) -> (u32, u32, u32) {
        let vocabulary = self.0.vocabulary();
        (vocabulary.unk(), vocabulary.bos(), vocabulary.eos())
    }

    fn number(&self, word: &str) -> Option<u32> {
        self.0.vocabulary().number(word).filter(|&number| self.0.vocabulary().is_kept(number))
    }

    fn word(&self, number: u32) -> PyResult<String> {
        let vocabulary = self.0.vocabulary();
        if number >= vocabulary.size() {
            let message = format!("the id is {number}, but the vocabulary has {}", vocabulary.size());
            return Err(Kind::InvalidArgumentError.error(message));
        }
        Ok(vocabulary.text(number).into_owned())
    }

    /// Numbers of the words of a sentence, split on white space; that of `<unk>` for unknown ones.
    fn numbers(&self, sentence: &str) -> Vec<u32> {
        let vocabulary = self.0.vocabulary();
        text::split(sentence).map(|word| vocabulary.outer(vocabulary.inner_of(word))).collect()
    }

    /// Scoring a sentence takes a microsecond or so: the interpreter is not released.
    fn score(&self, sentence: &str, begin: bool, end: bool) -> f32 {
        self.0.score(sentence, Ends { begin, end })
    }

    /// (log10, length, unknown) of each word.
    fn full_scores(&self, sentence: &str, begin: bool, end: bool) -> Vec<(f32, u32, bool)> {
        let scores = self.0.full_scores(sentence, Ends { begin, end });
        scores.into_iter().map(|(score, unknown)| (score.log10, score.length, unknown)).collect()
    }

    fn total_text(&self, py: Python<'_>, text: PyText, begin: bool, end: bool) -> PyResult<PyTotal> {
        let ends = Ends { begin, end };
        let sums = enter(py, |cancel| text.with(|text| self.0.total(&text::sentences(text), ends, cancel)))?;
        sums.map(total).map_err(ToPyErr::to_py_err)
    }

    fn totals_ids(
        &self,
        py: Python<'_>,
        ids: PyReadonlyArray1<'_, u32>,
        offsets: PyReadonlyArray1<'_, i64>,
        begin: bool,
        end: bool,
    ) -> PyResult<Vec<PyTotal>> {
        let (ids, offsets) = checked(slice(&ids, "ids")?, slice(&offsets, "offsets")?)?;
        let sums = enter(py, |cancel| self.0.totals(ids, offsets, Ends { begin, end }, cancel))?;
        Ok(sums.map_err(ToPyErr::to_py_err)?.into_iter().map(total).collect())
    }

    fn score_ids_batch<'py>(
        &self,
        py: Python<'py>,
        ids: PyReadonlyArray1<'_, u32>,
        offsets: PyReadonlyArray1<'_, i64>,
        begin: bool,
        end: bool,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let (ids, offsets) = checked(slice(&ids, "ids")?, slice(&offsets, "offsets")?)?;
        let sums = enter(py, |cancel| self.0.totals(ids, offsets, Ends { begin, end }, cancel))?;
        let scores: Vec<f64> = sums.map_err(ToPyErr::to_py_err)?.into_iter().map(|sum| sum.log10).collect();
        Ok(scores.into_pyarray(py))
    }

    fn token_scores<'py>(
        &self,
        py: Python<'py>,
        ids: PyReadonlyArray1<'_, u32>,
        offsets: PyReadonlyArray1<'_, i64>,
        begin: bool,
        end: bool,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let (ids, offsets) = checked(slice(&ids, "ids")?, slice(&offsets, "offsets")?)?;
        let scores = enter(py, |cancel| self.0.token_scores(ids, offsets, Ends { begin, end }, cancel))?;
        Ok(scores.map_err(ToPyErr::to_py_err)?.into_pyarray(py))
    }

    /// Natural logarithms for every number after the context, which begins a sentence if `begin`.
    fn next_logprobs<'py>(
        &self,
        py: Python<'py>,
        context: List<u32>,
        begin: bool,
    ) -> Bound<'py, PyArray1<f32>> {
        enter_brief(py, |_| self.0.next_logprobs(self.0.context(&context, begin))).into_pyarray(py)
    }

    /// Make `state` the beginning of a sentence.
    fn begin_state(&self, state: &PyState) {
        state.set(&self.0, self.0.begin_state());
    }

    /// Make `state` the empty context.
    fn null_state(&self, state: &PyState) {
        state.set(&self.0, self.0.null_state());
    }

    /// log10 of a word after the state `before`; `after`, which may be the same object, becomes the state after it.
    fn step(&self, before: &PyState, word: &str, after: &PyState) -> PyResult<f32> {
        Ok(self.full_step(before, word, after)?.0)
    }

    /// The same, with the length of the n-gram found, and whether the word is unknown.
    fn full_step(&self, before: &PyState, word: &str, after: &PyState) -> PyResult<(f32, u32, bool)> {
        let state = before.of(&self.0)?;
        let inner = self.0.vocabulary().inner_of(word);
        let (score, next) = self.0.step(state, inner);
        after.set(&self.0, next);
        Ok((score.log10, score.length, inner == self.0.vocabulary().inner_unk()))
    }
}

/// One model from several.
#[pyfunction]
fn ngram_interpolate(
    py: Python<'_>,
    models: List<Py<PyModel>>,
    weights: List<f64>,
    kind: &str,
) -> PyResult<PyModel> {
    let kind = raise(interpolate::Kind::from_name(kind))?;
    let models: Vec<Arc<Model>> = models.iter().map(|model| Arc::clone(&model.get().0)).collect();
    let merged = enter(py, |cancel| {
        let models: Vec<&Model> = models.iter().map(|model| &**model).collect();
        interpolate::interpolate(&models, &weights, kind, cancel)
    })?;
    Ok(PyModel(Arc::new(raise(merged)?)))
}

/// The weights of models that fit a text best.
#[pyfunction]
fn ngram_tune_text(
    py: Python<'_>,
    models: List<Py<PyModel>>,
    text: PyText,
    kind: &str,
) -> PyResult<Vec<f64>> {
    let kind = raise(interpolate::Kind::from_name(kind))?;
    let models: Vec<Arc<Model>> = models.iter().map(|model| Arc::clone(&model.get().0)).collect();
    raise(enter(py, |cancel| {
        let models: Vec<&Model> = models.iter().map(|model| &**model).collect();
        text.with(|text| ferrolm_ngram::tune::weights(&models, Source::Text(text), kind, cancel))
    })?)
}

/// The weights of models that fit sequences of ids best.
#[pyfunction]
fn ngram_tune_ids(
    py: Python<'_>,
    models: List<Py<PyModel>>,
    ids: PyReadonlyArray1<'_, u32>,
    offsets: PyReadonlyArray1<'_, i64>,
    kind: &str,
) -> PyResult<Vec<f64>> {
    let kind = raise(interpolate::Kind::from_name(kind))?;
    let models: Vec<Arc<Model>> = models.iter().map(|model| Arc::clone(&model.get().0)).collect();
    let (ids, offsets) = (slice(&ids, "ids")?, slice(&offsets, "offsets")?);
    raise(enter(py, |cancel| {
        let models: Vec<&Model> = models.iter().map(|model| &**model).collect();
        ferrolm_ngram::tune::weights(&models, Source::Ids { ids, offsets }, kind, cancel)
    })?)
}

/// A model with a cache of the last words of a document.
#[pyclass(frozen, name = "NgramCache", module = "ferrolm._rust")]
struct PyCache {
    model: Arc<Model>,
    cache: Cache,
}

/// Documents as Python has them: texts, or arrays of ids, offsets of sequences, and sequences per document.
#[derive(FromPyObject)]
enum PyDocuments<'py> {
    Ids(PyReadonlyArray1<'py, u32>, PyReadonlyArray1<'py, i64>, Vec<usize>),
    Texts(Vec<PyText>),
}

impl PyDocuments<'_> {
    fn source(&self) -> PyResult<cache::Source<'_>> {
        match self {
            Self::Texts(texts) => Ok(cache::Source::Texts(texts.iter().map(PyText::sentences).collect())),
            Self::Ids(ids, offsets, lengths) => {
                let (ids, offsets) = (slice(ids, "ids")?, slice(offsets, "offsets")?);
                Ok(cache::Source::Ids { ids, offsets, lengths })
            }
        }
    }
}

#[pymethods]
impl PyCache {
    #[new]
    fn new(model: &PyModel, weight: f64, size: usize, half_life: Option<f64>) -> PyResult<Self> {
        Ok(Self { model: Arc::clone(&model.0), cache: raise(Cache::new(weight, size, half_life))? })
    }

    fn totals(
        &self,
        py: Python<'_>,
        documents: PyDocuments<'_>,
        begin: bool,
        end: bool,
    ) -> PyResult<Vec<PyTotal>> {
        let (source, ends) = (documents.source()?, Ends { begin, end });
        let totals = enter(py, |cancel| -> Result<_, NgramError> {
            let documents = Documents::read(&self.model, &source)?;
            Ok(self.cache.totals(&self.model, &documents, ends, cancel)?)
        })?;
        Ok(raise(totals)?.into_iter().map(total).collect())
    }

    fn best_weight(
        &self,
        py: Python<'_>,
        documents: PyDocuments<'_>,
        begin: bool,
        end: bool,
    ) -> PyResult<f64> {
        let (source, ends) = (documents.source()?, Ends { begin, end });
        raise(enter(py, |cancel| {
            let documents = Documents::read(&self.model, &source)?;
            self.cache.best_weight(&self.model, &documents, ends, cancel)
        })?)
    }

    /// Natural logarithms for every number after the last sentence of a document, which is not over.
    fn next_logprobs<'py>(
        &self,
        py: Python<'py>,
        document: PyDocuments<'_>,
        begin: bool,
        end: bool,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let (source, ends) = (document.source()?, Ends { begin, end });
        let logprobs = enter(py, |_| -> Result<_, NgramError> {
            let document = Documents::read(&self.model, &source)?;
            Ok(self.cache.next_logprobs(&self.model, &document, ends))
        })?;
        Ok(raise(logprobs)?.into_pyarray(py))
    }
}

/// The context of the next word, which the methods of a model write: which words of the past matter.
#[pyclass(frozen, subclass, name = "NgramState", module = "ferrolm._rust")]
struct PyState(Mutex<Option<(Arc<Model>, State)>>);

#[pymethods]
impl PyState {
    #[new]
    fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Make this state what `other` is.
    fn assign(&self, other: &Self) {
        let held = other.held().clone();
        *self.held() = held;
    }

    /// The numbers of the remembered words, the latest first.
    fn words(&self) -> Vec<u32> {
        let held = self.held().clone();
        let Some((model, state)) = held else { return Vec::new() };
        model.state_words(state).iter().rev().map(|&word| model.vocabulary().outer(word)).collect()
    }
}

impl PyState {
    fn held(&self) -> MutexGuard<'_, Option<(Arc<Model>, State)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, of `model`; one that was never written is the empty context.
    fn of(&self, model: &Arc<Model>) -> PyResult<State> {
        match &*self.held() {
            None => Ok(model.null_state()),
            Some((own, state)) if Arc::ptr_eq(own, model) => Ok(*state),
            Some(_) => Err(Kind::InvalidArgumentError.error("the state belongs to another model")),
        }
    }

    fn set(&self, model: &Arc<Model>, next: State) {
        match &mut *self.held() {
            Some((own, state)) if Arc::ptr_eq(own, model) => *state = next,
            held => *held = Some((Arc::clone(model), next)),
        }
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyCounts>()?;
    module.add_class::<PyModel>()?;
    module.add_class::<PyState>()?;
    module.add_class::<PyCache>()?;
    module.add_function(wrap_pyfunction!(ngram_interpolate, module)?)?;
    module.add_function(wrap_pyfunction!(ngram_tune_text, module)?)?;
    module.add_function(wrap_pyfunction!(ngram_tune_ids, module)?)
}
