//! Bindings of what n-grams are used for: skip-grams, co-occurrence, scores of documents, drafts, overlap.

use std::sync::{Arc, Mutex, PoisonError};

use ferrolm_base::{Cancel, Cancelled};
use ferrolm_ngram::cooccurrence::{self, Cooccurrences, Values, Weighting, Window};
use ferrolm_ngram::overlap::{self, Overlap, RepeatedSpan, Words};
use ferrolm_ngram::text::{self, Reserved};
use ferrolm_ngram::{Corpus, Ends, Model, PromptLookup, State, WordTable};
use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::enter::{enter, enter_brief};
use crate::errors::{Kind, ToPyErr};
use crate::ngram::{PyCounts, PyModel, PyText, PyTotal, raise, slice, total};
use crate::ngram_matrices::Texts;
use crate::unsafe_sequences::List;

type Array<'py, T> = Bound<'py, PyArray1<T>>;

#[pyfunction]
fn skip_grams_of_text(py: Python<'_>, text: PyText, n: usize, k: usize) -> PyResult<PyCounts> {
    raise(enter(py, |cancel| {
        let mut words = WordTable::new();
        let corpus = text.with(|text| text::read(text, &mut words, None, Reserved::Plain, cancel))?;
        ferrolm_ngram::skip_grams(&corpus, Some(words), n, k, cancel).map(PyCounts)
    })?)
}

#[pyfunction]
fn skip_grams_of_ids(
    py: Python<'_>,
    ids: PyReadonlyArray1<'_, u32>,
    offsets: PyReadonlyArray1<'_, i64>,
    n: usize,
    k: usize,
) -> PyResult<PyCounts> {
    let (ids, offsets) = (slice(&ids, "ids")?, slice(&offsets, "offsets")?);
    raise(enter(py, |cancel| {
        ferrolm_ngram::skip_grams(&Corpus::from_all_ids(ids, offsets)?, None, n, k, cancel).map(PyCounts)
    })?)
}

fn window(size: usize, symmetric: bool, harmonic: bool) -> Window {
    let weighting = if harmonic { Weighting::Harmonic } else { Weighting::Uniform };
    Window { size, symmetric, weighting }
}

/// Rows, columns, values.
type PyPairs<'py> = (Array<'py, u32>, Array<'py, u32>, Bound<'py, PyAny>);

fn pairs(py: Python<'_>, found: Cooccurrences) -> PyPairs<'_> {
    let values = match found.values {
        Values::Counts(counts) => counts.into_pyarray(py).into_any(),
        Values::Weights(weights) => weights.into_pyarray(py).into_any(),
    };
    (found.rows.into_pyarray(py), found.columns.into_pyarray(py), values)
}

/// Pairs of the words `vocabulary`, or of those that occur `min_count` times; also returns these words.
#[pyfunction]
fn cooccurrences_of_text(
    py: Python<'_>,
    text: PyText,
    size: usize,
    symmetric: bool,
    harmonic: bool,
    min_count: u64,
    vocabulary: Option<Texts>,
) -> PyResult<(PyPairs<'_>, Option<Vec<String>>)> {
    let wanted = vocabulary.map(|vocabulary| {
        let mut wanted = WordTable::new();
        vocabulary.strs().into_iter().for_each(|word| _ = wanted.insert(word));
        wanted
    });
    let window = window(size, symmetric, harmonic);
    let found = enter(py, |cancel| {
        text.with(|text| cooccurrence::of_text(text, wanted.as_ref(), min_count, &window, cancel))
    })?;
    let (found, words) = raise(found)?;
    Ok((pairs(py, found), words))
}

/// Pairs of the ids `vocabulary`, or of those that occur `min_count` times.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the settings, each named in Python")]
fn cooccurrences_of_ids<'py>(
    py: Python<'py>,
    ids: PyReadonlyArray1<'py, u32>,
    offsets: PyReadonlyArray1<'py, i64>,
    size: usize,
    symmetric: bool,
    harmonic: bool,
    min_count: u64,
    vocabulary: Option<PyReadonlyArray1<'py, u32>>,
) -> PyResult<PyPairs<'py>> {
    let (ids, offsets) = (slice(&ids, "ids")?, slice(&offsets, "offsets")?);
    let wanted = vocabulary.as_ref().map(|wanted| slice(wanted, "vocabulary")).transpose()?;
    let window = window(size, symmetric, harmonic);
    let found = enter(py, |cancel| cooccurrence::of_ids(ids, offsets, wanted, min_count, &window, cancel))?;
    Ok(pairs(py, raise(found)?))
}

/// The sums of each text; its lines are sentences if `lines`, else it is one sentence.
#[pyfunction]
fn text_totals(
    py: Python<'_>,
    model: &PyModel,
    texts: Texts,
    lines: bool,
    begin: bool,
    end: bool,
) -> PyResult<Vec<PyTotal>> {
    let (model, ends) = (&model.0, Ends { begin, end });
    let totals = enter(py, |cancel| {
        let texts = texts.strs();
        if lines {
            model.document_totals(&texts, ends, cancel)
        } else {
            model.sentence_totals(&texts, ends, cancel)
        }
    })?;
    Ok(totals.map_err(ToPyErr::to_py_err)?.into_iter().map(total).collect())
}

/// Contexts that grow by one word at a time, each in constant time.
#[pyclass(frozen, module = "ferrolm._rust")]
struct NgramStates {
    model: Arc<Model>,
    states: Mutex<Vec<State>>,
}

impl NgramStates {
    fn with<T>(&self, work: impl FnOnce(&mut Vec<State>) -> T) -> T {
        work(&mut self.states.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl NgramStates {
    /// One state for each context; contexts begin a sentence if `begin`.
    #[new]
    fn new(model: &PyModel, contexts: List<List<u32>>, begin: bool) -> Self {
        let model = Arc::clone(&model.0);
        let states = contexts.iter().map(|context| model.context(context, begin)).collect();
        Self { model, states: Mutex::new(states) }
    }

    /// Append one id to each context.
    fn accept(&self, ids: PyReadonlyArray1<'_, u32>) -> PyResult<()> {
        let ids = slice(&ids, "ids")?;
        self.with(|states| {
            if states.len() != ids.len() {
                let message = format!("ids has {} entries for {} contexts", ids.len(), states.len());
                return Err(Kind::ShapeError.error(message));
            }
            for (state, &id) in states.iter_mut().zip(ids) {
                *state = self.model.step(*state, self.model.vocabulary().inner(id)).1;
            }
            Ok(())
        })
    }

    /// Keep these contexts, in this order.
    fn select(&self, rows: List<usize>) -> PyResult<()> {
        self.with(|states| {
            let chosen: Option<Vec<State>> = rows.iter().map(|&row| states.get(row).copied()).collect();
            let missing = || Kind::InvalidArgumentError.error(format!("rows go beyond {}", states.len()));
            *states = chosen.ok_or_else(missing)?;
            Ok(())
        })
    }

    /// Natural logarithms of the probability of every id after each context.
    fn next_logprobs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let states = self.with(|states| states.clone());
        let width = self.model.vocabulary().size() as usize;
        let values = enter_brief(py, |_| {
            states.iter().flat_map(|&state| self.model.next_logprobs(state)).collect::<Vec<f32>>()
        });
        let matrix = Array2::from_shape_vec((states.len(), width), values);
        Ok(matrix.map_err(|error| Kind::ShapeError.error(error.to_string()))?.into_pyarray(py))
    }

    /// The most probable continuation of each context, greedily; contexts stay as they are. Ends before `</s>`.
    fn propose(&self, py: Python<'_>, most: usize) -> PyResult<Vec<Vec<u32>>> {
        /// More words than a brief call should have.
        const LONG: usize = 4096;
        let states = self.with(|states| states.clone());
        let work = |cancel: &Cancel| {
            states.iter().map(|&state| self.model.most_probable(state, most, cancel)).collect()
        };
        let proposed: Result<_, Cancelled> =
            if most > LONG { enter(py, work)? } else { enter_brief(py, work) };
        proposed.map_err(ToPyErr::to_py_err)
    }
}

/// A text that remembers what followed its own n-grams.
#[pyclass(frozen, name = "PromptLookup", module = "ferrolm._rust")]
struct PyPromptLookup(Mutex<PromptLookup>);

#[pymethods]
impl PyPromptLookup {
    #[new]
    fn new(longest: usize) -> Self {
        Self(Mutex::new(PromptLookup::new(longest)))
    }

    fn extend(&self, ids: PyReadonlyArray1<'_, u32>) -> PyResult<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(slice(&ids, "ids")?);
        Ok(())
    }

    fn propose(&self, most: usize) -> Vec<u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).propose(most).to_vec()
    }
}

/// (words, n-grams, found, covered, longest, its start, a document that has it, its text).
type PyOverlap = (usize, usize, usize, usize, usize, usize, Option<u64>, Option<String>);

#[pyclass(frozen, module = "ferrolm._rust")]
struct Contamination(overlap::Contamination);

fn words(normalize: bool) -> Words {
    if normalize { Words::Normalized } else { Words::Exact }
}

#[pymethods]
impl Contamination {
    #[staticmethod]
    fn of_texts(
        py: Python<'_>,
        tests: Texts,
        normalize: bool,
        n: usize,
        min_length: usize,
    ) -> PyResult<Self> {
        let made = enter(py, |cancel| {
            overlap::Contamination::of_texts(&tests.strs(), words(normalize), n, min_length, cancel)
        })?;
        raise(made).map(Self)
    }

    #[staticmethod]
    fn of_ids(
        py: Python<'_>,
        ids: PyReadonlyArray1<'_, u32>,
        offsets: PyReadonlyArray1<'_, i64>,
        n: usize,
        min_length: usize,
    ) -> PyResult<Self> {
        let (ids, offsets) = (slice(&ids, "ids")?, slice(&offsets, "offsets")?);
        let made = enter(py, |cancel| overlap::Contamination::of_ids(ids, offsets, n, min_length, cancel))?;
        raise(made).map(Self)
    }

    /// Look through documents, the first of which has the number `first`.
    fn add_texts(&self, py: Python<'_>, documents: Texts, first: u64) -> PyResult<()> {
        raise(enter(py, |cancel| self.0.add_texts(&documents.strs(), first, cancel))?)
    }

    fn add_ids(
        &self,
        py: Python<'_>,
        ids: PyReadonlyArray1<'_, u32>,
        offsets: PyReadonlyArray1<'_, i64>,
        first: u64,
    ) -> PyResult<()> {
        let (ids, offsets) = (slice(&ids, "ids")?, slice(&offsets, "offsets")?);
        raise(enter(py, |cancel| self.0.add_ids(ids, offsets, first, cancel))?)
    }

    fn overlaps(&self, py: Python<'_>) -> PyResult<Vec<PyOverlap>> {
        let overlaps = enter(py, |_| self.0.overlaps())?;
        let named = |(example, found): (usize, Overlap)| {
            let span = self.0.span(example, found.longest_start, found.longest);
            let Overlap { words, ngrams, found, covered, longest, longest_start, document } = found;
            (words, ngrams, found, covered, longest, longest_start, document, span)
        };
        Ok(overlaps.into_iter().enumerate().map(named).collect())
    }
}

/// (document, start, length, source document, source start) of each span, one row each; words of each document.
type PySpans<'py> = (Bound<'py, PyArray2<i64>>, Array<'py, i64>);

fn spans(py: Python<'_>, (found, corpus): (Vec<RepeatedSpan>, Corpus)) -> PyResult<PySpans<'_>> {
    let row = |span: &RepeatedSpan| {
        [span.document, span.start, span.length, span.source, span.source_start].map(|value| value as i64)
    };
    let values: Vec<i64> = found.iter().flat_map(row).collect();
    let matrix = Array2::from_shape_vec((found.len(), 5), values);
    let matrix = matrix.map_err(|error| Kind::ShapeError.error(error.to_string()))?;
    let lengths: Vec<i64> = corpus.sentences().map(|document| document.len() as i64).collect();
    Ok((matrix.into_pyarray(py), lengths.into_pyarray(py)))
}

#[pyfunction]
fn repeated_spans_of_texts(
    py: Python<'_>,
    texts: Texts,
    normalize: bool,
    length: usize,
) -> PyResult<PySpans<'_>> {
    let found = enter(py, |cancel| {
        let (corpus, _) = overlap::read(&texts.strs(), words(normalize), cancel)?;
        Ok((overlap::repeated_spans(&corpus, length, cancel)?, corpus))
    })?;
    spans(py, raise(found)?)
}

#[pyfunction]
fn repeated_spans_of_ids<'py>(
    py: Python<'py>,
    ids: PyReadonlyArray1<'py, u32>,
    offsets: PyReadonlyArray1<'py, i64>,
    length: usize,
) -> PyResult<PySpans<'py>> {
    let (ids, offsets) = (slice(&ids, "ids")?, slice(&offsets, "offsets")?);
    let found = enter(py, |cancel| {
        let corpus = Corpus::from_all_ids(ids, offsets)?;
        Ok((overlap::repeated_spans(&corpus, length, cancel)?, corpus))
    })?;
    spans(py, raise(found)?)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<NgramStates>()?;
    module.add_class::<PyPromptLookup>()?;
    module.add_class::<Contamination>()?;
    module.add_function(wrap_pyfunction!(skip_grams_of_text, module)?)?;
    module.add_function(wrap_pyfunction!(skip_grams_of_ids, module)?)?;
    module.add_function(wrap_pyfunction!(cooccurrences_of_text, module)?)?;
    module.add_function(wrap_pyfunction!(cooccurrences_of_ids, module)?)?;
    module.add_function(wrap_pyfunction!(text_totals, module)?)?;
    module.add_function(wrap_pyfunction!(repeated_spans_of_texts, module)?)?;
    module.add_function(wrap_pyfunction!(repeated_spans_of_ids, module)?)
}
