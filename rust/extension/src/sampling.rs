//! Bindings of `ferrolm-sampling`.

use std::sync::{Arc, Mutex, PoisonError};

use ferrolm_base::Cancel;
use ferrolm_sampling::{
    Drawn, History, LogProbs, Logits, Params, RowInput, SamplingError, Values, entropy, philox,
};
use numpy::ndarray::Axis;
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyBytes;

use crate::enter::{enter, enter_brief};
use crate::errors::{Kind, ToPyErr};
use crate::sampling_params::RowParams;
use crate::unsafe_sequences::List;

/// Logits from which a call is long enough to watch for Ctrl-C: some 5 ms of work.
pub(crate) const LONG_CALL: usize = 1 << 23;

/// What rules do, for logits that are elsewhere: (rows, tokens, values) added before the penalties, the same after
/// them (minus infinity where a token is banned), and for each row the token that must come, or -1.
type Changes<'py> = (Additions<'py>, Additions<'py>, Vec<i64>);
type Additions<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f32>>);

fn rule_changes_of<'a, 'py>(
    py: Python<'py>,
    rows: impl Iterator<Item = (&'a Params, &'a History)>,
) -> Changes<'py> {
    let (mut before, mut after, mut forced) = (Vec::new(), Vec::new(), Vec::new());
    for (row, (params, history)) in (0i64..).zip(rows) {
        params.rules.biases(history, &mut |token, bias| before.push((row, token, bias)));
        params.rules.changes(history, &mut |token, change| after.push((row, token, change.added())));
        forced.push(params.rules.forced(history).map_or(-1, i64::from));
    }
    let columns = |added: Vec<(i64, u32, f32)>| {
        let rows = PyArray1::from_iter(py, added.iter().map(|added| added.0));
        let tokens = PyArray1::from_iter(py, added.iter().map(|added| i64::from(added.1)));
        (rows, tokens, PyArray1::from_iter(py, added.iter().map(|added| added.2)))
    };
    (columns(before), columns(after), forced)
}

/// See [`Changes`].
#[pyfunction]
fn rule_changes<'py>(
    py: Python<'py>,
    params: List<Py<RowParams>>,
    prompt: Option<Ragged<'py>>,
    history: Option<Ragged<'py>>,
) -> PyResult<Changes<'py>> {
    let histories = histories(params.len(), prompt.as_ref(), history.as_ref())?;
    let rows = params.iter().map(|params| &*params.get().0).zip(&histories);
    Ok(rule_changes_of(py, rows))
}

/// Masks of a batch, one row of words for each.
pub(crate) type Masks<'py> = PyReadonlyArray2<'py, u32>;

pub(crate) fn masks<'a>(
    masks: Option<&'a Masks<'_>>,
    logits: &Logits<'_>,
) -> PyResult<Option<Vec<&'a [u32]>>> {
    let Some(array) = masks else { return Ok(None) };
    let (shape, least) = (array.shape(), logits.vocab().div_ceil(32));
    if shape[0] != logits.batch() || shape[1] < least {
        let message = format!(
            "mask must have the shape ({}, {least}), found ({}, {})",
            logits.batch(),
            shape[0],
            shape[1]
        );
        return Err(Kind::ShapeError.error(message));
    }
    let words = array.as_slice()?;
    Ok(Some(words.chunks_exact(shape[1]).collect()))
}

/// Exponential times of a batch, one row for each.
type Noise<'py> = PyReadonlyArray2<'py, f32>;

fn noise<'a>(noise: Option<&'a Noise<'_>>, logits: &Logits<'_>) -> PyResult<Option<Vec<&'a [f32]>>> {
    let Some(array) = noise else { return Ok(None) };
    let (shape, wanted) = (array.shape(), [logits.batch(), logits.vocab()]);
    if shape != wanted {
        return Err(Kind::ShapeError.error(format!("noise must have the shape {wanted:?}, found {shape:?}")));
    }
    Ok(Some(array.as_slice()?.chunks_exact(logits.vocab()).collect()))
}

/// One for all rows, or one for each.
#[derive(FromPyObject)]
pub(crate) enum OneOrMany {
    One(Py<RowParams>),
    Many(Vec<Py<RowParams>>),
}

impl OneOrMany {
    pub(crate) fn rows(&self, batch: usize) -> Vec<Arc<Params>> {
        match self {
            Self::One(params) => vec![Arc::clone(&params.get().0); batch],
            Self::Many(params) => params.iter().map(|params| Arc::clone(&params.get().0)).collect(),
        }
    }
}

/// A batch in one of the three formats; the two of 16 bits arrive as uint16.
pub(crate) enum Batch<'py> {
    Float32(PyReadonlyArray2<'py, f32>),
    Float16(PyReadonlyArray2<'py, u16>),
    BFloat16(PyReadonlyArray2<'py, u16>),
}

impl<'py> Batch<'py> {
    pub(crate) fn extract(array: &Bound<'py, PyAny>, dtype: &str) -> PyResult<Self> {
        Ok(match dtype {
            "float32" => Self::Float32(array.extract()?),
            "float16" => Self::Float16(array.extract()?),
            "bfloat16" => Self::BFloat16(array.extract()?),
            _ => {
                return Err(Kind::ShapeError
                    .error(format!("logits must be float32, float16 or bfloat16, found {dtype}")));
            }
        })
    }

    pub(crate) fn logits(&self) -> PyResult<Logits<'_>> {
        match self {
            Self::Float32(array) => borrow(array, Values::Float32),
            Self::Float16(array) => borrow(array, Values::Float16),
            Self::BFloat16(array) => borrow(array, Values::BFloat16),
        }
    }
}

/// Rows in place; they may lie apart, but each must be contiguous.
fn borrow<'a, T: numpy::Element>(
    array: &'a PyReadonlyArray2<'_, T>,
    values: fn(&'a [T]) -> Values<'a>,
) -> PyResult<Logits<'a>> {
    let view = array.as_array();
    let row = |row| view.index_axis_move(Axis(0), row).to_slice().map(values);
    let rows: Option<Vec<_>> = (0..array.shape()[0]).map(row).collect();
    let strided = || {
        let (shape, strides) = (array.shape(), array.strides());
        Kind::ShapeError.error(format!(
            "the last dimension of logits must be contiguous, found shape {shape:?} with strides of {strides:?} bytes"
        ))
    };
    Logits::new(rows.ok_or_else(strided)?, array.shape()[1]).map_err(ToPyErr::to_py_err)
}

pub(crate) type Ragged<'py> = (PyReadonlyArray1<'py, u32>, PyReadonlyArray1<'py, i64>);

/// Row `row` of ids and offsets; empty without them.
pub(crate) fn part<'a>(ragged: Option<&'a Ragged<'_>>, row: usize) -> PyResult<&'a [u32]> {
    let Some((ids, offsets)) = ragged else { return Ok(&[]) };
    let (ids, offsets) = (ids.as_slice()?, offsets.as_slice()?);
    let bounds = offsets.get(row).zip(offsets.get(row + 1));
    let found =
        bounds.and_then(|(from, to)| ids.get(usize::try_from(*from).ok()?..usize::try_from(*to).ok()?));
    found.ok_or_else(|| Kind::ShapeError.error(format!("tokens of the past have no row {row}")))
}

pub(crate) fn histories(
    batch: usize,
    prompt: Option<&Ragged<'_>>,
    generated: Option<&Ragged<'_>>,
) -> PyResult<Vec<History>> {
    (0..batch).map(|row| Ok(History::from_tokens(part(prompt, row)?, part(generated, row)?))).collect()
}

/// Rows whose seeds and steps do not matter.
pub(crate) fn inputs<'a>(
    params: &'a [Arc<Params>],
    histories: &'a [History],
    masks: Option<&'a [&'a [u32]]>,
) -> Vec<RowInput<'a>> {
    let row = |(row, (params, history)): (usize, (&'a Arc<Params>, &'a History))| RowInput {
        mask: masks.map(|masks| masks[row]),
        ..RowInput::new(params, history)
    };
    params.iter().zip(histories).enumerate().map(row).collect()
}

fn log_probs(name: Option<&str>) -> PyResult<LogProbs> {
    match name {
        None => Ok(LogProbs::None),
        Some("raw") => Ok(LogProbs::Raw),
        Some("processed") => Ok(LogProbs::Processed),
        Some(other) => Err(Kind::InvalidArgumentError
            .error(format!("logprobs must be None, 'raw' or 'processed', found {other:?}"))),
    }
}

/// Leave the interpreter for as long as the logits take.
pub(crate) fn leave<T: Send>(
    py: Python<'_>,
    logits: &Logits<'_>,
    work: impl FnOnce(&Cancel) -> Result<T, SamplingError> + Send,
) -> PyResult<T> {
    let result = match logits.batch() * logits.vocab() {
        0..LONG_CALL => enter_brief(py, work),
        _ => enter(py, work)?,
    };
    result.map_err(ToPyErr::to_py_err)
}

type TopTokens<'py> = (Bound<'py, PyArray2<u32>>, Bound<'py, PyArray2<f32>>);
type Tokens<'py> = (Bound<'py, PyArray1<u32>>, Option<Bound<'py, PyArray1<f32>>>);

fn tokens<'py>(py: Python<'py>, drawn: &[Drawn], logprobs: LogProbs) -> Tokens<'py> {
    let wanted = logprobs != LogProbs::None;
    let ids = PyArray1::from_iter(py, drawn.iter().map(|drawn| drawn.token));
    (ids, wanted.then(|| PyArray1::from_iter(py, drawn.iter().map(|drawn| drawn.logprob as f32))))
}

/// Ids [batch] and log-probabilities [batch] or None. `seeds` replaces the seeds of the parameters.
#[pyfunction]
#[pyo3(signature = (logits, dtype, params, *, prompt, history, seeds, steps, logprobs, mask, noise))]
#[expect(clippy::too_many_arguments, reason = "keywords of one Python function")]
fn sample<'py>(
    py: Python<'py>,
    logits: &Bound<'py, PyAny>,
    dtype: &str,
    params: OneOrMany,
    prompt: Option<Ragged<'py>>,
    history: Option<Ragged<'py>>,
    seeds: Option<PyReadonlyArray1<'py, u64>>,
    steps: PyReadonlyArray1<'py, u64>,
    logprobs: Option<&str>,
    mask: Option<Masks<'py>>,
    noise: Option<Noise<'py>>,
) -> PyResult<Tokens<'py>> {
    let batch = Batch::extract(logits, dtype)?;
    let (logits, logprobs) = (batch.logits()?, log_probs(logprobs)?);
    let masks = masks(mask.as_ref(), &logits)?;
    let times = self::noise(noise.as_ref(), &logits)?;
    let params = params.rows(logits.batch());
    let histories = histories(params.len(), prompt.as_ref(), history.as_ref())?;
    let seeds = seeds.map(|seeds| seeds.to_vec()).transpose()?;
    let seed = |row: usize, params: &Params| match &seeds {
        Some(seeds) => Ok(seeds.get(row).copied().unwrap_or_default()),
        None => params.seed.map_or_else(entropy, Ok),
    };
    let steps = steps.as_slice()?;
    let rows = params.iter().zip(&histories).enumerate().map(|(row, (params, history))| {
        Ok(RowInput {
            seed: seed(row, params)?,
            step: steps.get(row).copied().unwrap_or_default(),
            mask: masks.as_ref().map(|masks| masks[row]),
            noise: times.as_ref().map(|times| times[row]),
            ..RowInput::new(params, history)
        })
    });
    let rows = rows.collect::<Result<Vec<_>, SamplingError>>().map_err(ToPyErr::to_py_err)?;
    let drawn = leave(py, &logits, |cancel| ferrolm_sampling::sample(&logits, &rows, logprobs, cancel))?;
    Ok(tokens(py, &drawn, logprobs))
}

/// float32 [batch, vocab]: what `sample` draws from.
#[pyfunction]
#[pyo3(signature = (logits, dtype, params, *, prompt, history, mask))]
fn filtered_probabilities<'py>(
    py: Python<'py>,
    logits: &Bound<'py, PyAny>,
    dtype: &str,
    params: OneOrMany,
    prompt: Option<Ragged<'py>>,
    history: Option<Ragged<'py>>,
    mask: Option<Masks<'py>>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let batch = Batch::extract(logits, dtype)?;
    let logits = batch.logits()?;
    let masks = masks(mask.as_ref(), &logits)?;
    let params = params.rows(logits.batch());
    let histories = histories(params.len(), prompt.as_ref(), history.as_ref())?;
    let rows = inputs(&params, &histories, masks.as_deref());
    let mut out = vec![0.0; logits.batch() * logits.vocab()];
    leave(py, &logits, |cancel| ferrolm_sampling::filtered_probabilities(&logits, &rows, &mut out, cancel))?;
    PyArray1::from_vec(py, out).reshape([logits.batch(), logits.vocab()])
}

/// (tokens, log-probabilities), uint32 and float32 [batch, count].
#[pyfunction]
#[pyo3(signature = (logits, dtype, params, count, *, prompt, history, mask))]
#[expect(clippy::too_many_arguments, reason = "keywords of one Python function")]
fn top_logprobs<'py>(
    py: Python<'py>,
    logits: &Bound<'py, PyAny>,
    dtype: &str,
    params: OneOrMany,
    count: usize,
    prompt: Option<Ragged<'py>>,
    history: Option<Ragged<'py>>,
    mask: Option<Masks<'py>>,
) -> PyResult<TopTokens<'py>> {
    let batch = Batch::extract(logits, dtype)?;
    let logits = batch.logits()?;
    let masks = masks(mask.as_ref(), &logits)?;
    let params = params.rows(logits.batch());
    let histories = histories(params.len(), prompt.as_ref(), history.as_ref())?;
    let rows = inputs(&params, &histories, masks.as_deref());
    if count > logits.vocab() {
        let message =
            format!("count is {count}, expected at most the {} tokens of the vocabulary", logits.vocab());
        return Err(Kind::InvalidArgumentError.error(message));
    }
    let size = logits.batch() * count;
    let (mut tokens, mut logprobs) = (vec![0; size], vec![0.0; size]);
    leave(py, &logits, |cancel| {
        let (tokens, logprobs) = (&mut tokens, &mut logprobs);
        ferrolm_sampling::top_log_probabilities(&logits, &rows, count, tokens, logprobs, cancel)
    })?;
    let shape = [logits.batch(), count];
    Ok((PyArray1::from_vec(py, tokens).reshape(shape)?, PyArray1::from_vec(py, logprobs).reshape(shape)?))
}

/// float32 [batch, vocab]: logits led away from the unconditional ones, as logarithms.
#[pyfunction]
fn guided<'py>(
    py: Python<'py>,
    conditional: &Bound<'py, PyAny>,
    unconditional: &Bound<'py, PyAny>,
    dtypes: (PyBackedStr, PyBackedStr),
    scales: PyReadonlyArray1<'py, f64>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let batches = (Batch::extract(conditional, &dtypes.0)?, Batch::extract(unconditional, &dtypes.1)?);
    let (with, without) = (batches.0.logits()?, batches.1.logits()?);
    let scales = scales.as_slice()?;
    let mut out = vec![0.0; with.batch() * with.vocab()];
    leave(py, &with, |cancel| ferrolm_sampling::guided(&with, &without, scales, &mut out, cancel))?;
    PyArray1::from_vec(py, out).reshape([with.batch(), with.vocab()])
}

/// `count` seeds made from one.
#[pyfunction]
fn derived_seeds(seed: u64, count: u64) -> PyResult<Vec<u64>> {
    philox::derived_seeds(seed, count).map_err(ToPyErr::to_py_err)
}

/// Numbers in [0, 1) for seeds and steps, as the draws use them.
#[pyfunction]
fn uniforms<'py>(
    py: Python<'py>,
    seeds: PyReadonlyArray1<'py, u64>,
    steps: PyReadonlyArray1<'py, u64>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let pairs = seeds.as_slice()?.iter().zip(steps.as_slice()?);
    Ok(PyArray1::from_iter(py, pairs.map(|(seed, step)| philox::uniform(*seed, *step))))
}

/// Drawing reads a snapshot, so that no lock is held while the pool works; accepting copies only if a draw is under
/// way in another thread.
#[pyclass(frozen, module = "ferrolm._rust")]
struct Sampler(Mutex<Arc<ferrolm_sampling::Sampler>>);

impl Sampler {
    fn of(sampler: Result<ferrolm_sampling::Sampler, SamplingError>) -> PyResult<Self> {
        sampler.map(|sampler| Self(Mutex::new(Arc::new(sampler)))).map_err(ToPyErr::to_py_err)
    }

    fn snapshot(&self) -> Arc<ferrolm_sampling::Sampler> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(
        &self,
        py: Python<'_>,
        change: impl FnOnce(&mut ferrolm_sampling::Sampler) -> Result<(), SamplingError> + Send,
    ) -> PyResult<()> {
        let changed = py.detach(|| {
            // The crate checks before it changes anything, so that a poisoned sampler is still whole.
            change(Arc::make_mut(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)))
        });
        changed.map_err(ToPyErr::to_py_err)
    }
}

#[pymethods]
impl Sampler {
    #[new]
    fn new(params: List<Py<RowParams>>) -> PyResult<Self> {
        let params = params.iter().map(|params| Arc::clone(&params.get().0));
        Self::of(ferrolm_sampling::Sampler::new(params))
    }

    #[pyo3(signature = (logits, dtype, rows, logprobs, mask, noise))]
    #[expect(clippy::too_many_arguments, reason = "keywords of one Python method")]
    fn sample<'py>(
        &self,
        py: Python<'py>,
        logits: &Bound<'py, PyAny>,
        dtype: &str,
        rows: Option<List<usize>>,
        logprobs: Option<&str>,
        mask: Option<Masks<'py>>,
        noise: Option<Noise<'py>>,
    ) -> PyResult<Tokens<'py>> {
        let batch = Batch::extract(logits, dtype)?;
        let (logits, logprobs) = (batch.logits()?, log_probs(logprobs)?);
        let masks = masks(mask.as_ref(), &logits)?;
        let times = self::noise(noise.as_ref(), &logits)?;
        let rows = rows.as_deref();
        let sampler = self.snapshot();
        let (masks, times) = (masks.as_deref(), times.as_deref());
        let draw = |cancel: &Cancel| sampler.sample(&logits, rows, masks, times, logprobs, cancel);
        let drawn = leave(py, &logits, draw)?;
        if sampler.takes_notes() {
            drop(sampler); // or the change would copy it
            self.change(py, |sampler| {
                sampler.note(&drawn, rows);
                Ok(())
            })?;
        }
        Ok(tokens(py, &drawn, logprobs))
    }

    fn accept(
        &self,
        py: Python<'_>,
        tokens: PyReadonlyArray1<'_, u32>,
        rows: Option<List<usize>>,
    ) -> PyResult<()> {
        let tokens = tokens.as_slice()?;
        self.change(py, |sampler| sampler.accept(tokens, rows.as_deref()))
    }

    #[pyo3(signature = (row, params, prompt))]
    fn reset(
        &self,
        py: Python<'_>,
        row: usize,
        params: Option<Py<RowParams>>,
        prompt: PyReadonlyArray1<'_, u32>,
    ) -> PyResult<()> {
        let params = params.map(|params| Arc::clone(&params.get().0));
        let prompt = prompt.as_slice()?;
        self.change(py, |sampler| sampler.reset(row, params, prompt))
    }

    /// Seed and step of each row.
    fn clocks(&self) -> PyResult<(Vec<u64>, Vec<u64>)> {
        let sampler = self.snapshot();
        let rows = (0..sampler.rows()).map(|row| sampler.row(row).map(|row| (row.seed, row.step)));
        let pairs = rows.collect::<Result<Vec<_>, _>>().map_err(ToPyErr::to_py_err)?;
        Ok(pairs.into_iter().unzip())
    }

    /// Where mirostat stands in each row, in bits.
    fn limits(&self) -> PyResult<Vec<f64>> {
        let sampler = self.snapshot();
        let rows = (0..sampler.rows()).map(|row| Ok(sampler.row(row)?.mu.unwrap_or_default()));
        rows.collect::<Result<_, SamplingError>>().map_err(ToPyErr::to_py_err)
    }

    /// Keep what was drawn elsewhere for `rows`, and the bits it carries.
    fn note(
        &self,
        py: Python<'_>,
        tokens: PyReadonlyArray1<'_, u32>,
        surprises: List<f64>,
        rows: List<usize>,
    ) -> PyResult<()> {
        let pairs = tokens.as_slice()?.iter().zip(surprises);
        let drawn = pairs.map(|(token, surprise)| Drawn { token: *token, logprob: 0.0, surprise });
        let drawn: Vec<Drawn> = drawn.collect();
        self.change(py, |sampler| {
            sampler.note(&drawn, Some(&rows));
            Ok(())
        })
    }

    /// The history of each row: number of distinct tokens, and (tokens, times generated), rows one after the other.
    #[expect(clippy::type_complexity, reason = "three arrays")]
    fn histories<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Vec<usize>, Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<u32>>)> {
        let sampler = self.snapshot();
        let (mut lengths, mut tokens, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..sampler.rows() {
            let history = sampler.row(row).map_err(ToPyErr::to_py_err)?.history;
            lengths.push(history.len());
            tokens.extend(history.counts().map(|(token, _)| token));
            counts.extend(history.counts().map(|(_, count)| count));
        }
        Ok((lengths, PyArray1::from_vec(py, tokens), PyArray1::from_vec(py, counts)))
    }

    /// See [`Changes`]; for `rows`.
    fn rule_changes<'py>(&self, py: Python<'py>, rows: List<usize>) -> PyResult<Changes<'py>> {
        let sampler = self.snapshot();
        let inputs = rows.iter().map(|row| sampler.row(*row)).collect::<Result<Vec<_>, _>>();
        let inputs = inputs.map_err(ToPyErr::to_py_err)?;
        Ok(rule_changes_of(py, inputs.iter().map(|input| (input.params, input.history))))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.snapshot().to_bytes())
    }

    #[staticmethod]
    fn from_bytes(state: &[u8]) -> PyResult<Self> {
        Self::of(ferrolm_sampling::Sampler::from_bytes(state))
    }

    fn __len__(&self) -> usize {
        self.snapshot().rows()
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RowParams>()?;
    module.add_class::<Sampler>()?;
    module.add_function(wrap_pyfunction!(guided, module)?)?;
    module.add_function(wrap_pyfunction!(sample, module)?)?;
    module.add_function(wrap_pyfunction!(filtered_probabilities, module)?)?;
    module.add_function(wrap_pyfunction!(top_logprobs, module)?)?;
    module.add_function(wrap_pyfunction!(rule_changes, module)?)?;
    module.add_function(wrap_pyfunction!(derived_seeds, module)?)?;
    module.add_function(wrap_pyfunction!(uniforms, module)?)
}
