//! Bindings of `ferrolm-base`: version, threads, instruction set.

use ferrolm_base::{pool, simd};
use pyo3::prelude::*;

/// Number of threads that parallel calls use.
#[pyfunction]
fn num_threads() -> usize {
    pool::num_threads()
}

/// Use `threads` threads from now on.
#[pyfunction]
fn set_num_threads(threads: usize) {
    pool::set_num_threads(threads);
}

/// The instruction set that the kernels use: portable, avx2 or avx512.
#[pyfunction]
fn simd_level() -> &'static str {
    simd::level().name()
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(num_threads, module)?)?;
    module.add_function(wrap_pyfunction!(set_num_threads, module)?)?;
    module.add_function(wrap_pyfunction!(simd_level, module)?)
}
