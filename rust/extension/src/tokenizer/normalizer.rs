//! Normalizers as Python objects; the classes in `ferrolm.tokenizers.normalizers` derive from these.

use std::sync::{PoisonError, RwLock};

use ferrolm_tokenizer::file::part;
use ferrolm_tokenizer::normalized::NormalizedString;
use ferrolm_tokenizer::normalizer;
use pyo3::prelude::*;

use super::text::text;
use crate::errors::ToPyErr;

/// A normalizer, made from its JSON and changed by it.
#[pyclass(frozen, subclass, module = "ferrolm._rust")]
pub struct Normalizer(RwLock<normalizer::Normalizer>);

impl Normalizer {
    pub fn of(part: normalizer::Normalizer) -> Self {
        Self(RwLock::new(part))
    }

    pub fn part(&self) -> normalizer::Normalizer {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[pymethods]
impl Normalizer {
    #[new]
    fn new(json: &str) -> PyResult<Self> {
        part::normalizer_from_json(json).map(Self::of).map_err(ToPyErr::to_py_err)
    }

    /// Take the settings of `json`.
    fn set_json(&self, json: &str) -> PyResult<()> {
        let part = part::normalizer_from_json(json).map_err(ToPyErr::to_py_err)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = part;
        Ok(())
    }

    fn to_json(&self) -> PyResult<String> {
        part::normalizer_to_json(&self.part()).map_err(ToPyErr::to_py_err)
    }

    /// The normalized form of `sequence`.
    fn normalize_str(&self, sequence: &Bound<'_, PyAny>) -> PyResult<String> {
        let mut normalized = NormalizedString::new(text(sequence, "sequence")?);
        self.part().normalize(&mut normalized).map_err(ToPyErr::to_py_err)?;
        Ok(normalized.get().to_owned())
    }
}
