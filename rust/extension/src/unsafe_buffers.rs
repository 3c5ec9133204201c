//! Bytes that another object owns and exports: `bytes`, `memoryview`, `mmap`, Arrow buffers, numpy arrays.

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;

use crate::errors::Kind;

/// Bytes of an object that stay where they are while this lives.
pub struct Bytes(PyBuffer<u8>);

impl Bytes {
    /// # Errors
    /// `InvalidTypeError` if `object` exports no bytes, `ShapeError` if they do not lie in one row.
    pub fn new(object: &Bound<'_, PyAny>, argument: &str) -> PyResult<Self> {
        let buffer = PyBuffer::get(object).map_err(|error| {
            let found = object.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string());
            Kind::InvalidTypeError
                .error(format!("{argument}: found {found}, expected bytes in a buffer ({error})"))
        })?;
        if !buffer.is_c_contiguous() {
            return Err(
                Kind::ShapeError.error(format!("{argument}: the bytes do not lie one after the other"))
            );
        }
        Ok(Self(buffer))
    }

    /// The bytes. Writing to them meanwhile gives a wrong result, and shortening a mapped file from outside ends the
    /// process, as it does for everyone who reads it.
    pub fn get(&self) -> &[u8] {
        if self.0.item_count() == 0 {
            return &[];
        }
        // SAFETY: the exporter keeps `item_count` bytes at this address for as long as the buffer is held.
        unsafe { std::slice::from_raw_parts(self.0.buf_ptr().cast(), self.0.item_count()) }
    }
}
