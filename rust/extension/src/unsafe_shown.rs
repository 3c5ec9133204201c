//! Arrays that show the memory of an object of ours, without a copy.

use numpy::ndarray::ArrayView1;
use numpy::{Element, PyArray1, PyArrayMethods};

use pyo3::boolean_struct::True;
use pyo3::prelude::*;

/// A read-only array of numbers that lie in `owner`, which the array keeps alive.
pub fn view<'py, C, T>(owner: &Bound<'py, C>, items: impl FnOnce(&C) -> &[T]) -> Bound<'py, PyArray1<T>>
where
    C: PyClass<Frozen = True> + Sync,
    T: Element,
{
    let items = ArrayView1::from(items(owner.get()));
    // SAFETY: the numbers live in `owner`, which is frozen and which the array has as its base; nobody writes them,
    // because the array is made read-only before anybody else sees it.
    let array = unsafe { PyArray1::borrow_from_array(&items, owner.clone().into_any()) };
    array.readwrite().make_nonwriteable();
    array
}
