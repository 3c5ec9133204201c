//! Bindings of `ferrolm-sampling` for choices among several continuations: tokens of a draft, candidates of beams.

use ferrolm_sampling::speculation::{self, Accepted, Draft, Probabilities};
use ferrolm_sampling::{Beams, Candidate};
use numpy::ndarray::Axis;
use numpy::{
    PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArray3,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use crate::enter::{enter, enter_brief};
use crate::errors::{Kind, ToPyErr};
use crate::sampling::{Batch, LONG_CALL, Masks, OneOrMany, Ragged, histories, inputs, leave, masks, part};

/// Probabilities [batch, places, vocab].
#[derive(FromPyObject)]
enum Distributions<'py> {
    Float32(PyReadonlyArray3<'py, f32>),
    Float64(PyReadonlyArray3<'py, f64>),
}

impl Distributions<'_> {
    /// One for each place of each row, in place; each must be contiguous.
    fn rows(&self) -> PyResult<Vec<Probabilities<'_>>> {
        match self {
            Self::Float32(array) => rows(array, Probabilities::Float32),
            Self::Float64(array) => rows(array, Probabilities::Float64),
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::Float32(array) => array.shape(),
            Self::Float64(array) => array.shape(),
        }
    }
}

fn rows<'a, T: numpy::Element>(
    array: &'a PyReadonlyArray3<'_, T>,
    values: fn(&'a [T]) -> Probabilities<'a>,
) -> PyResult<Vec<Probabilities<'a>>> {
    let (view, shape) = (array.as_array(), array.shape());
    let row = |(row, place)| {
        view.index_axis_move(Axis(0), row).index_axis_move(Axis(0), place).to_slice().map(values)
    };
    let places = (0..shape[0]).flat_map(|row| (0..shape[1]).map(move |place| (row, place)));
    let rows: Option<Vec<_>> = places.map(row).collect();
    rows.ok_or_else(|| Kind::ShapeError.error("the last dimension of probabilities must be contiguous"))
}

/// Tokens int64 [batch, n + 1], their number int64 [batch], and accepted nodes int64 [batch, n]; -1 after the last ones.
type AcceptedTokens<'py> = (Bound<'py, PyArray2<i64>>, Bound<'py, PyArray1<i64>>, Bound<'py, PyArray2<i64>>);

/// Without `parents` the drafts are chains.
#[pyfunction]
#[pyo3(signature = (tokens, parents, target, draft, seeds, steps))]
fn accept_drafts<'py>(
    py: Python<'py>,
    tokens: PyReadonlyArray2<'py, u32>,
    parents: Option<PyReadonlyArray2<'py, i64>>,
    target: Distributions<'py>,
    draft: Option<Distributions<'py>>,
    seeds: PyReadonlyArray1<'py, u64>,
    steps: PyReadonlyArray1<'py, u64>,
) -> PyResult<AcceptedTokens<'py>> {
    let [batch, nodes] = [tokens.shape()[0], tokens.shape()[1]];
    let [places, vocab] = [target.shape()[1], target.shape()[2]];
    let (target, draft) = (target.rows()?, draft.as_ref().map(Distributions::rows).transpose()?);
    let tokens = tokens.as_slice()?;
    let parents = parents.as_ref().map(PyReadonlyArray2::as_slice).transpose()?;
    let clocks = seeds.as_slice()?.iter().zip(steps.as_slice()?);
    let drafts: Option<Vec<Draft<'_>>> = (0..batch)
        .zip(clocks)
        .map(|(row, (seed, step))| {
            let nodes = row * nodes..(row + 1) * nodes;
            Some(Draft {
                tokens: tokens.get(nodes.clone())?,
                parents: parents.map(|parents| parents.get(nodes.clone()).ok_or(())).transpose().ok()?,
                target: target.get(row * places..(row + 1) * places)?,
                draft: draft.as_ref().map(|draft| draft.get(nodes).ok_or(())).transpose().ok()?,
                seed: *seed,
                step: *step,
            })
        })
        .collect();
    let drafts =
        drafts.ok_or_else(|| Kind::ShapeError.error("the arrays of a draft differ in their rows"))?;
    let (mut kept, mut counts) = (vec![0; batch * (nodes + 1)], vec![0; batch]);
    let mut paths = vec![0; batch * nodes];
    // Without nodes there are no paths, and each is empty.
    let mut path_rows = paths.chunks_exact_mut(nodes.max(1));
    let out = kept.chunks_exact_mut(nodes + 1).zip(&mut counts).map(|(tokens, count)| Accepted {
        tokens,
        count,
        path: path_rows.next().unwrap_or_default(),
    });
    let out: Vec<_> = out.collect();
    let work = |cancel: &_| speculation::accept(&drafts, vocab, out, cancel);
    let done = match batch * places * vocab {
        0..LONG_CALL => enter_brief(py, work),
        _ => enter(py, work)?,
    };
    done.map_err(ToPyErr::to_py_err)?;
    let kept = PyArray1::from_vec(py, kept).reshape([batch, nodes + 1])?;
    let paths = PyArray1::from_vec(py, paths).reshape([batch, nodes])?;
    Ok((kept, PyArray1::from_vec(py, counts), paths))
}

/// Scores float32, beams int64 and tokens uint32, each [batch, count].
type Candidates<'py> = (Bound<'py, PyArray2<f32>>, Bound<'py, PyArray2<i64>>, Bound<'py, PyArray2<u32>>);

/// `draws` are seeds and steps of the batch entries.
#[pyfunction]
#[pyo3(signature = (logits, dtype, params, scores, count, *, prompt, history, mask, penalized, diversity_penalty, draws))]
#[expect(clippy::too_many_arguments, reason = "keywords of one Python function")]
fn beam_candidates<'py>(
    py: Python<'py>,
    logits: &Bound<'py, PyAny>,
    dtype: &str,
    params: OneOrMany,
    scores: PyReadonlyArray2<'py, f32>,
    count: usize,
    prompt: Option<Ragged<'py>>,
    history: Option<Ragged<'py>>,
    mask: Option<Masks<'py>>,
    penalized: Option<Ragged<'py>>,
    diversity_penalty: f32,
    draws: Option<(PyReadonlyArray1<'py, u64>, PyReadonlyArray1<'py, u64>)>,
) -> PyResult<Candidates<'py>> {
    let array = Batch::extract(logits, dtype)?;
    let logits = array.logits()?;
    let masks = masks(mask.as_ref(), &logits)?;
    let params = params.rows(logits.batch());
    let histories = histories(params.len(), prompt.as_ref(), history.as_ref())?;
    let rows = inputs(&params, &histories, masks.as_deref());
    let [batch, beams] = [scores.shape()[0], scores.shape()[1]];
    let penalized = penalized.as_ref().map(|taken| (0..batch).map(|row| part(Some(taken), row)).collect());
    let penalized: Option<Vec<_>> = penalized.transpose()?;
    let draws = match &draws {
        Some((seeds, steps)) => {
            let pairs = seeds.as_slice()?.iter().copied().zip(steps.as_slice()?.iter().copied());
            Some(pairs.collect::<Vec<_>>())
        }
        None => None,
    };
    let beams = Beams {
        scores: scores.as_slice()?,
        beams,
        count,
        penalized: penalized.as_deref(),
        diversity_penalty,
        draws: draws.as_deref(),
    };
    let found =
        leave(py, &logits, |cancel| ferrolm_sampling::beam_candidates(&logits, &rows, &beams, cancel))?;
    let of = |found: &Candidate| found.beam as i64;
    let shape = [batch, count];
    Ok((
        PyArray1::from_iter(py, found.iter().map(|found| found.score)).reshape(shape)?,
        PyArray1::from_iter(py, found.iter().map(of)).reshape(shape)?,
        PyArray1::from_iter(py, found.iter().map(|found| found.token)).reshape(shape)?,
    ))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(accept_drafts, module)?)?;
    module.add_function(wrap_pyfunction!(beam_candidates, module)?)
}
