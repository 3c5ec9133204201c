//! Python's integers for ids, positions and masks, made once: a list of them then costs a reference count each.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyInt, PyList, PyTuple};

use crate::unsafe_lists::{self, Element};

/// Integers below this are kept, in blocks made when one of theirs is first seen.
const KEPT: usize = 1 << 18;
const BLOCK: usize = 1 << 10;

type Block = Box<[Py<PyInt>]>;

/// Shared by all lists of the process; some 40 bytes for each number that occurs, in blocks of 1,024.
static BLOCKS: [PyOnceLock<Block>; KEPT / BLOCK] = [const { PyOnceLock::new() }; KEPT / BLOCK];

#[inline(always)]
fn number(py: Python<'_>, number: usize) -> Element<'static, '_> {
    let (block, at) = (number / BLOCK, number % BLOCK);
    let Some(lock) = BLOCKS.get(block) else { return Element::Made(PyInt::new(py, number).into_any()) };
    let block = lock.get(py).unwrap_or_else(|| make_block(py, lock, block));
    Element::Kept(block[at].as_any().bind_borrowed(py))
}

#[cold]
fn make_block<'a>(py: Python<'_>, lock: &'a PyOnceLock<Block>, block: usize) -> &'a Block {
    lock.get_or_init(py, || {
        let first = block * BLOCK;
        (first..first + BLOCK).map(|number| PyInt::new(py, number).unbind()).collect()
    })
}

pub fn list<'py>(py: Python<'py>, numbers: &[u32]) -> PyResult<Bound<'py, PyList>> {
    unsafe_lists::list(py, numbers.iter().map(|&value| Ok(number(py, value as usize))))
}

/// Numbers, or None.
pub fn optional_list(
    py: Python<'_>,
    numbers: impl ExactSizeIterator<Item = Option<u32>>,
) -> PyResult<Bound<'_, PyList>> {
    let none = py.None();
    let element = |value: Option<u32>| {
        Ok(match value {
            Some(value) => number(py, value as usize),
            None => Element::Kept(none.bind_borrowed(py)),
        })
    };
    unsafe_lists::list(py, numbers.map(element))
}

/// Pairs that start below this, and whose numbers are less than that apart, are kept once they are made.
const STARTS: usize = 1 << 12;
const LENGTHS: usize = 16;

type Pairs = Box<[PyOnceLock<Py<PyTuple>>]>;

/// Texts have offsets in common: those of the tokens of the first thousands of characters. Some 100 bytes each.
static PAIRS: [PyOnceLock<Pairs>; STARTS * LENGTHS / BLOCK] =
    [const { PyOnceLock::new() }; STARTS * LENGTHS / BLOCK];

#[inline(always)]
fn pair(py: Python<'_>, first: usize, second: usize) -> PyResult<Element<'static, '_>> {
    if first >= STARTS || second.wrapping_sub(first) >= LENGTHS {
        return Ok(Element::Made(make_pair(py, first, second)?.into_any()));
    }
    let at = first * LENGTHS + second - first;
    let block = match PAIRS[at / BLOCK].get(py) {
        Some(block) => block,
        None => make_pairs(py, &PAIRS[at / BLOCK]),
    };
    let kept = &block[at % BLOCK];
    let tuple = match kept.get(py) {
        Some(tuple) => tuple,
        None => kept.get_or_try_init(py, || make_pair(py, first, second).map(Bound::unbind))?,
    };
    Ok(Element::Kept(tuple.as_any().bind_borrowed(py)))
}

#[cold]
fn make_pairs<'a>(py: Python<'_>, lock: &'a PyOnceLock<Pairs>) -> &'a Pairs {
    lock.get_or_init(py, || std::iter::repeat_with(PyOnceLock::new).take(BLOCK).collect())
}

fn make_pair(py: Python<'_>, first: usize, second: usize) -> PyResult<Bound<'_, PyTuple>> {
    let object = |element| match element {
        Element::Kept(object) => object.to_owned(),
        Element::Made(object) => object,
    };
    PyTuple::new(py, [object(number(py, first)), object(number(py, second))])
}

/// Tuples of two.
pub fn pair_list(
    py: Python<'_>,
    pairs: impl ExactSizeIterator<Item = (usize, usize)>,
) -> PyResult<Bound<'_, PyList>> {
    unsafe_lists::list(py, pairs.map(|(first, second)| pair(py, first, second)))
}

/// Runs of equal numbers.
pub fn run_list(py: Python<'_>, runs: impl Iterator<Item = (usize, u32)>) -> PyResult<Bound<'_, PyList>> {
    // Most lists are one run, between others of one or two.
    let mut list: Option<Bound<'_, PyList>> = None;
    let mut runs = runs.peekable();
    while let Some((mut length, value)) = runs.next() {
        while let Some((more, _)) = runs.next_if(|&(_, next)| next == value) {
            length += more;
        }
        let run = self::list(py, &[value])?.as_sequence().repeat(length)?;
        match &list {
            None => list = Some(run.cast_into()?),
            Some(list) => {
                list.as_sequence().in_place_concat(&run)?;
            }
        }
    }
    Ok(list.unwrap_or_else(|| PyList::empty(py)))
}
