//! Bindings of `ferrolm-ngram`.

use pyo3::prelude::*;

#[expect(clippy::unnecessary_wraps, reason = "the room is still empty")]
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
