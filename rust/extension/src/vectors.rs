//! Bindings of `ferrolm-embedding`'s search for the nearest vectors.

use ferrolm_embedding::EmbeddingError;
use ferrolm_embedding::compressed::{CodesView, compress, nearest_compressed, width};
use ferrolm_embedding::search::{Matrix, Neighbor, Search, nearest};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::enter::{enter, enter_brief};
use crate::errors::{Kind, ToPyErr};

/// Products below this take a millisecond or two: not worth a watch for signals.
const BRIEF: usize = 1 << 24;

/// Rows and similarities of the `top` nearest vectors of each query, -1 and 0 where there are no more.
///
/// `excluded` has the rows that a query does not want, from `offsets[q]` to `offsets[q + 1]`; `rows` is looked at.
#[pyfunction]
#[pyo3(signature = (vectors, norms, queries, *, top, offsets, excluded, rows))]
#[expect(clippy::type_complexity, reason = "two arrays")]
#[expect(clippy::too_many_arguments, reason = "a matrix and a question")]
fn nearest_vectors<'py>(
    py: Python<'py>,
    vectors: PyReadonlyArray2<'py, f32>,
    norms: PyReadonlyArray1<'py, f32>,
    queries: PyReadonlyArray2<'py, f32>,
    top: usize,
    offsets: PyReadonlyArray1<'py, i64>,
    excluded: PyReadonlyArray1<'py, u32>,
    rows: (usize, usize),
) -> PyResult<(Bound<'py, PyArray2<i64>>, Bound<'py, PyArray2<f32>>)> {
    let matrix = Matrix { values: vectors.as_slice()?, norms: norms.as_slice()?, size: vectors.shape()[1] };
    let (offsets, excluded) = (offsets.as_slice()?, excluded.as_slice()?);
    let lists = offsets.windows(2).map(|ends| excluded.get(ends[0] as usize..ends[1] as usize));
    let Some(excluded) = lists.collect::<Option<Vec<&[u32]>>>() else {
        return Err(Kind::ShapeError.error("offsets do not lie within excluded"));
    };
    let top = top.min(rows.1.saturating_sub(rows.0));
    let search = Search { queries: queries.as_slice()?, top, excluded: &excluded, rows: rows.0..rows.1 };
    let work = matrix.values.len().saturating_mul(queries.shape()[0]);
    let found = if work < BRIEF {
        enter_brief(py, |cancel| nearest(matrix, &search, cancel))
    } else {
        enter(py, |cancel| nearest(matrix, &search, cancel))?
    };
    arrays(py, &found.map_err(EmbeddingError::to_py_err)?, top)
}

/// Rows and similarities of the neighbors of each query, as arrays.
#[expect(clippy::type_complexity, reason = "two arrays")]
fn arrays<'py>(
    py: Python<'py>,
    found: &[Vec<Neighbor>],
    top: usize,
) -> PyResult<(Bound<'py, PyArray2<i64>>, Bound<'py, PyArray2<f32>>)> {
    let (mut ids, mut similarities) = (vec![-1; found.len() * top], vec![0.0; found.len() * top]);
    for (query, neighbors) in found.iter().enumerate() {
        for (place, neighbor) in neighbors.iter().enumerate() {
            ids[query * top + place] = i64::from(neighbor.row);
            similarities[query * top + place] = neighbor.similarity;
        }
    }
    let shape = [found.len(), top];
    let array = |ids| PyArray1::from_vec(py, ids).reshape(shape);
    Ok((array(ids)?, PyArray1::from_vec(py, similarities).reshape(shape)?))
}

/// Two planes of four bits, the scales, and the slacks of four bits and of eight.
type CodeArrays<'py> = (
    PyReadonlyArray2<'py, u8>,
    PyReadonlyArray2<'py, u8>,
    PyReadonlyArray1<'py, f32>,
    PyReadonlyArray1<'py, f32>,
    PyReadonlyArray1<'py, f32>,
);

/// Codes of the rows of a matrix, for `nearest_compressed_vectors`.
#[pyfunction]
#[expect(clippy::type_complexity, reason = "five arrays")]
fn compress_vectors<'py>(
    py: Python<'py>,
    vectors: PyReadonlyArray2<'py, f32>,
    norms: PyReadonlyArray1<'py, f32>,
) -> PyResult<(
    Bound<'py, PyArray2<u8>>,
    Bound<'py, PyArray2<u8>>,
    Bound<'py, PyArray1<f32>>,
    Bound<'py, PyArray1<f32>>,
    Bound<'py, PyArray1<f32>>,
)> {
    let size = vectors.shape()[1];
    let matrix = Matrix { values: vectors.as_slice()?, norms: norms.as_slice()?, size };
    let found = enter(py, |cancel| compress(matrix, cancel))?.map_err(EmbeddingError::to_py_err)?;
    let shape = [matrix.norms.len(), width(size) / 2];
    // Copied: numpy asks for large pages, which rows that are read one by one are found in sooner.
    let plane = |bytes: Vec<u8>| PyArray1::from_slice(py, &bytes).reshape(shape);
    let numbers = |numbers| PyArray1::from_vec(py, numbers);
    Ok((
        plane(found.coarse)?,
        plane(found.fine)?,
        numbers(found.scales),
        numbers(found.coarse_slacks),
        numbers(found.fine_slacks),
    ))
}

/// `nearest_vectors` of each query alone, over all rows, by what `compress_vectors` gives.
#[pyfunction]
#[pyo3(signature = (vectors, norms, codes, queries, *, top))]
#[expect(clippy::type_complexity, reason = "two arrays")]
fn nearest_compressed_vectors<'py>(
    py: Python<'py>,
    vectors: PyReadonlyArray2<'py, f32>,
    norms: PyReadonlyArray1<'py, f32>,
    codes: CodeArrays<'py>,
    queries: PyReadonlyArray2<'py, f32>,
    top: usize,
) -> PyResult<(Bound<'py, PyArray2<i64>>, Bound<'py, PyArray2<f32>>)> {
    let matrix = Matrix { values: vectors.as_slice()?, norms: norms.as_slice()?, size: vectors.shape()[1] };
    let (coarse, fine, scales, coarse_slacks, fine_slacks) = &codes;
    let codes = CodesView {
        coarse: coarse.as_slice()?,
        fine: fine.as_slice()?,
        scales: scales.as_slice()?,
        coarse_slacks: coarse_slacks.as_slice()?,
        fine_slacks: fine_slacks.as_slice()?,
    };
    let (rows, top) = (matrix.norms.len(), top.min(matrix.norms.len()));
    let search = Search { queries: queries.as_slice()?, top, excluded: &[], rows: 0..rows };
    let work = matrix.values.len().saturating_mul(queries.shape()[0]);
    let found = if work < BRIEF {
        enter_brief(py, |cancel| nearest_compressed(matrix, codes, &search, cancel))
    } else {
        enter(py, |cancel| nearest_compressed(matrix, codes, &search, cancel))?
    };
    arrays(py, &found.map_err(EmbeddingError::to_py_err)?, top)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(compress_vectors, module)?)?;
    module.add_function(wrap_pyfunction!(nearest_compressed_vectors, module)?)?;
    module.add_function(wrap_pyfunction!(nearest_vectors, module)?)
}
