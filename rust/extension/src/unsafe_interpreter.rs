//! Which interpreter of the process this is.

use pyo3::prelude::*;

/// Whether it is the first one. Classes and exceptions are made once a process here, and belong to it; Python from 3.12
/// on asks the module and refuses others by itself.
pub(crate) fn is_main(_: Python<'_>) -> bool {
    // SAFETY: the thread is attached to an interpreter, as the token proves, so there is a current one.
    unsafe { pyo3::ffi::PyInterpreterState_GetID(pyo3::ffi::PyInterpreterState_Get()) == 0 }
}
