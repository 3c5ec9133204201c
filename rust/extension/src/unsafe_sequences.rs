//! Lists and other iterables that a caller hands over, of which nothing is believed.

use std::ops::Deref;

use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyMemoryError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// So many elements are read between two looks at signals.
const SIGNALS: usize = 1 << 16;

/// The elements of an iterable; Ctrl-C is answered between them.
///
/// # Errors
/// If it cannot be iterated over.
pub fn iterate<'py>(
    object: &Bound<'py, PyAny>,
) -> PyResult<impl Iterator<Item = PyResult<Bound<'py, PyAny>>> + use<'py>> {
    let py = object.py();
    Ok(object.try_iter()?.enumerate().map(move |(index, element)| {
        if index % SIGNALS == SIGNALS - 1 {
            py.check_signals()?;
        }
        element
    }))
}

/// What is made of the elements of `object`, all of it.
///
/// # Errors
/// The first error among them. `MemoryError`, as `list` has it, where there is no memory for the length that the object
/// claims to have, as for `range(2**40)` and for what lies: not a panic, and not the end of the process.
pub fn collected<T>(
    object: &Bound<'_, PyAny>,
    elements: impl Iterator<Item = PyResult<T>>,
) -> PyResult<Vec<T>> {
    let (mut made, claimed) = (Vec::new(), object.len().unwrap_or(0));
    if made.try_reserve_exact(claimed).is_err() {
        return Err(PyMemoryError::new_err(format!("no memory for a list of {claimed} elements")));
    }
    for element in elements {
        made.push(element?);
    }
    Ok(made)
}

/// The elements of a sequence, by [`collected`].
pub struct List<T>(pub Vec<T>);

impl<'py, T: FromPyObjectOwned<'py>> FromPyObject<'_, 'py> for List<T> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        // SAFETY: the thread is attached and the object is alive.
        let is_sequence = unsafe { ffi::PySequence_Check(object.as_ptr()) } == 1;
        if !is_sequence || object.is_instance_of::<PyString>() {
            let message = format!("expected a list, got {}", object.get_type().name()?);
            return Err(PyTypeError::new_err(message));
        }
        let elements = iterate(&object)?.map(|element| element?.extract().map_err(Into::into));
        Ok(Self(collected(&object, elements)?))
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}
