//! Python's integers for ids, positions and masks, made once: a list of them then costs a reference count each.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyInt, PyList, PyTuple};

/// Integers below this are kept, in blocks made when one of theirs is first seen.
const KEPT: usize = 1 << 18;
const BLOCK: usize = 1 << 10;

type Block = Box<[Py<PyInt>]>;

/// Shared by all lists of the process; some 40 bytes for each number that occurs, in blocks of 1,024.
static BLOCKS: [PyOnceLock<Block>; KEPT / BLOCK] = [const { PyOnceLock::new() }; KEPT / BLOCK];

#[inline]
pub fn number(py: Python<'_>, number: usize) -> Bound<'_, PyInt> {
    let (block, at) = (number / BLOCK, number % BLOCK);
    let Some(lock) = BLOCKS.get(block) else { return PyInt::new(py, number) };
    let block = lock.get_or_init(py, || {
        let first = block * BLOCK;
        (first..first + BLOCK).map(|number| PyInt::new(py, number).unbind()).collect()
    });
    block[at].bind(py).clone()
}

pub fn list<'py>(py: Python<'py>, numbers: &[u32]) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, numbers.iter().map(|&value| number(py, value as usize)))
}

/// Numbers, or None.
pub fn optional_list(
    py: Python<'_>,
    numbers: impl ExactSizeIterator<Item = Option<u32>>,
) -> PyResult<Bound<'_, PyList>> {
    let object = |value: Option<u32>| match value {
        Some(value) => number(py, value as usize).into_any(),
        None => py.None().into_bound(py),
    };
    PyList::new(py, numbers.map(object))
}

/// Pairs that start below this, and whose numbers are less than that apart, are kept once they are made.
const STARTS: usize = 1 << 12;
const LENGTHS: usize = 16;

type Pairs = Box<[PyOnceLock<Py<PyTuple>>]>;

/// Texts have offsets in common: those of the tokens of the first thousands of characters. Some 100 bytes each.
static PAIRS: [PyOnceLock<Pairs>; STARTS * LENGTHS / BLOCK] =
    [const { PyOnceLock::new() }; STARTS * LENGTHS / BLOCK];

fn pair(py: Python<'_>, first: usize, second: usize) -> PyResult<Bound<'_, PyTuple>> {
    // A tuple is only refused for lack of memory.
    let make = || PyTuple::new(py, [number(py, first), number(py, second)]);
    match second.checked_sub(first) {
        Some(length) if first < STARTS && length < LENGTHS => {
            let at = first * LENGTHS + length;
            let block = PAIRS[at / BLOCK]
                .get_or_init(py, || std::iter::repeat_with(PyOnceLock::new).take(BLOCK).collect());
            let kept = block[at % BLOCK].get_or_try_init(py, || make().map(Bound::unbind))?;
            Ok(kept.bind(py).clone())
        }
        _ => make(),
    }
}

/// Tuples of two.
pub fn pair_list(
    py: Python<'_>,
    pairs: impl ExactSizeIterator<Item = (usize, usize)>,
) -> PyResult<Bound<'_, PyList>> {
    let pairs = pairs.map(|(first, second)| pair(py, first, second)).collect::<PyResult<Vec<_>>>()?;
    PyList::new(py, pairs)
}

/// Runs of equal numbers.
pub fn run_list(
    py: Python<'_>,
    runs: impl Iterator<Item = (usize, u32)> + Clone,
) -> PyResult<Bound<'_, PyList>> {
    let mut values = Vec::with_capacity(runs.clone().map(|(length, _)| length).sum());
    for (length, value) in runs {
        values.extend(std::iter::repeat_n(number(py, value as usize), length));
    }
    PyList::new(py, values)
}
