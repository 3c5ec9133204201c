//! Python's integers for ids, made once: a list of them then costs a reference count each.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyInt, PyList};

/// Integers below this are kept, in blocks made when an id of theirs is first seen.
const KEPT: usize = 1 << 18;
const BLOCK: usize = 1 << 10;

type Block = Box<[Py<PyInt>]>;

/// The integers that the lists of one tokenizer share; some 40 bytes for each id that occurs, in blocks of 1,024.
pub struct Numbers([PyOnceLock<Block>; KEPT / BLOCK]);

impl Default for Numbers {
    fn default() -> Self {
        Self([const { PyOnceLock::new() }; KEPT / BLOCK])
    }
}

impl Numbers {
    pub fn list<'py>(&self, py: Python<'py>, ids: &[u32]) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, ids.iter().map(|&id| self.number(py, id)))
    }

    #[inline]
    fn number<'py>(&self, py: Python<'py>, id: u32) -> Bound<'py, PyInt> {
        let (block, at) = (id as usize / BLOCK, id as usize % BLOCK);
        let Some(lock) = self.0.get(block) else { return PyInt::new(py, id) };
        let block = lock.get_or_init(py, || {
            let first = (block * BLOCK) as u32;
            (first..first + BLOCK as u32).map(|id| PyInt::new(py, id).unbind()).collect()
        });
        block[at].bind(py).clone()
    }
}
