//! Models read from files of Python, whose decompressors Rust has not.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;

use crate::enter::enter;
use crate::ngram::{PyModel, raise};

/// A binary file of Python, and the exception that it raised.
struct PyFile {
    file: Py<PyAny>,
    raised: Option<PyErr>,
}

impl Read for PyFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = Python::attach(|py| {
            let content = self.file.bind(py).call_method1("read", (buffer.len(),))?;
            let content: &[u8] = content.extract()?;
            let size = content.len().min(buffer.len());
            buffer[..size].copy_from_slice(&content[..size]);
            Ok(size)
        });
        read.map_err(|error| {
            self.raised = Some(error);
            io::Error::other("the file raised an exception")
        })
    }
}

/// An ARPA model from what a file's method `read` gives; errors name `path`, and exceptions of the file are raised on.
#[pyfunction]
fn read_arpa(py: Python<'_>, file: Py<PyAny>, path: PathBuf) -> PyResult<PyModel> {
    let mut file = PyFile { file, raised: None };
    let model = enter(py, |cancel| ferrolm_ngram::read_arpa(&path, &mut file, cancel))?;
    if let Some(error) = file.raised {
        return Err(error);
    }
    Ok(PyModel(Arc::new(raise(model)?)))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(read_arpa, module)?)
}
