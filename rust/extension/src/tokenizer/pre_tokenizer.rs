//! Pre-tokenizers as Python objects; the classes in `ferrolm.tokenizers.pre_tokenizers` derive from these.

use std::sync::{PoisonError, RwLock};

use ferrolm_tokenizer::file::part;
use ferrolm_tokenizer::pre_tokenizer;
use pyo3::prelude::*;

use super::text::text;
use crate::errors::ToPyErr;

/// A pre-tokenizer, made from its JSON and changed by it.
#[pyclass(frozen, subclass, module = "ferrolm._rust")]
pub struct PreTokenizer(RwLock<pre_tokenizer::PreTokenizer>);

impl PreTokenizer {
    pub fn of(part: pre_tokenizer::PreTokenizer) -> Self {
        Self(RwLock::new(part))
    }

    pub fn part(&self) -> pre_tokenizer::PreTokenizer {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[pymethods]
impl PreTokenizer {
    #[new]
    fn new(json: &str) -> PyResult<Self> {
        part::pre_tokenizer_from_json(json).map(Self::of).map_err(ToPyErr::to_py_err)
    }

    /// Take the settings of `json`.
    fn set_json(&self, json: &str) -> PyResult<()> {
        let part = part::pre_tokenizer_from_json(json).map_err(ToPyErr::to_py_err)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = part;
        Ok(())
    }

    fn to_json(&self) -> PyResult<String> {
        part::pre_tokenizer_to_json(&self.part()).map_err(ToPyErr::to_py_err)
    }

    /// (piece, (start, end) in characters) of each piece.
    fn pre_tokenize_str(&self, s: &Bound<'_, PyAny>) -> PyResult<Vec<(String, (usize, usize))>> {
        self.part().pre_tokenize_str(text(s, "s")?).map_err(ToPyErr::to_py_err)
    }
}
