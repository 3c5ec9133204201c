//! Arrays that show the memory of an object of ours, without a copy.

use ferrolm_ngram::Counts;
use numpy::ndarray::ArrayView1;
use numpy::{Element, PyArray1, PyArrayMethods};
use pyo3::prelude::*;

use crate::ngram::PyCounts;

/// A read-only array of numbers that lie in `counts`, which the array keeps alive.
pub fn view<'py, T: Element>(
    counts: &Bound<'py, PyCounts>,
    items: impl FnOnce(&Counts) -> &[T],
) -> Bound<'py, PyArray1<T>> {
    let items = ArrayView1::from(items(&counts.get().0));
    // SAFETY: the numbers live in `counts`, which is frozen and which the array has as its base; nobody writes them,
    // because the array is made read-only before anybody else sees it.
    let array = unsafe { PyArray1::borrow_from_array(&items, counts.clone().into_any()) };
    array.readwrite().make_nonwriteable();
    array
}
