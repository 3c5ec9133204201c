//! Post-processors as Python objects; the classes in `ferrolm.tokenizers.processors` derive from these.

use std::sync::{PoisonError, RwLock};

use ferrolm_tokenizer::file::part;
use ferrolm_tokenizer::post_processor;
use pyo3::prelude::*;

use super::encoding::Encoding;
use crate::errors::ToPyErr;

/// A post-processor, made from its JSON and changed by it.
#[pyclass(frozen, subclass, module = "ferrolm._rust")]
pub struct PostProcessor(RwLock<post_processor::PostProcessor>);

impl PostProcessor {
    pub fn of(part: post_processor::PostProcessor) -> Self {
        Self(RwLock::new(part))
    }

    pub fn part(&self) -> post_processor::PostProcessor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[pymethods]
impl PostProcessor {
    #[new]
    fn new(json: &str) -> PyResult<Self> {
        part::post_processor_from_json(json).map(Self::of).map_err(ToPyErr::to_py_err)
    }

    /// Take the settings of `json`.
    fn set_json(&self, json: &str) -> PyResult<()> {
        let part = part::post_processor_from_json(json).map_err(ToPyErr::to_py_err)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = part;
        Ok(())
    }

    fn to_json(&self) -> PyResult<String> {
        part::post_processor_to_json(&self.part()).map_err(ToPyErr::to_py_err)
    }

    /// Number of special tokens added to a sequence or a pair.
    fn num_special_tokens_to_add(&self, is_pair: bool) -> usize {
        self.part().added_tokens(is_pair)
    }

    /// One encoding of one or two.
    #[pyo3(signature = (encoding, pair=None, add_special_tokens=true))]
    fn process(
        &self,
        encoding: &Encoding,
        pair: Option<&Encoding>,
        add_special_tokens: bool,
    ) -> PyResult<Encoding> {
        let mut parts = vec![encoding.full()?];
        parts.extend(pair.map(Encoding::full).transpose()?);
        let processed = self.part().process(parts, add_special_tokens).map_err(ToPyErr::to_py_err)?;
        Ok(Encoding::new(processed.into()))
    }
}
