//! Decoders as Python objects; the classes in `ferrolm.tokenizers.decoders` derive from these.

use std::sync::{Mutex, PoisonError, RwLock};

use ferrolm_tokenizer::decoder;
use ferrolm_tokenizer::file::part;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::class::Tokenizer;
use super::text::texts;
use crate::errors::ToPyErr;

/// A decoder, made from its JSON and changed by it.
#[pyclass(frozen, subclass, module = "ferrolm._rust", name = "TokenDecoder")]
pub struct Decoder(RwLock<decoder::Decoder>);

impl Decoder {
    pub fn of(part: decoder::Decoder) -> Self {
        Self(RwLock::new(part))
    }

    pub fn part(&self) -> decoder::Decoder {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[pymethods]
impl Decoder {
    #[new]
    fn new(json: &str) -> PyResult<Self> {
        part::decoder_from_json(json).map(Self::of).map_err(ToPyErr::to_py_err)
    }

    /// Take the settings of `json`.
    fn set_json(&self, json: &str) -> PyResult<()> {
        let part = part::decoder_from_json(json).map_err(ToPyErr::to_py_err)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = part;
        Ok(())
    }

    fn to_json(&self) -> PyResult<String> {
        part::decoder_to_json(&self.part()).map_err(ToPyErr::to_py_err)
    }

    /// The text of a list of tokens.
    fn decode(&self, tokens: &Bound<'_, PyList>) -> PyResult<String> {
        let objects: Vec<_> = tokens.iter().collect();
        Ok(self.part().decode(texts(&objects, "tokens")?.into_iter()))
    }
}

/// Decodes token by token: `step` returns text once it is whole. Like `tokenizers.decoders.DecodeStream`.
#[pyclass(frozen, module = "ferrolm.tokenizers.decoders")]
pub struct DecodeStream(Mutex<decoder::DecodeStream>);

#[derive(FromPyObject)]
enum OneOrMany {
    One(u32),
    Many(Vec<u32>),
}

#[pymethods]
impl DecodeStream {
    #[new]
    #[pyo3(signature = (ids=None, skip_special_tokens=false))]
    fn new(ids: Option<Vec<u32>>, skip_special_tokens: Option<bool>) -> Self {
        let stream =
            decoder::DecodeStream::new(ids.unwrap_or_default(), skip_special_tokens.unwrap_or(false));
        Self(Mutex::new(stream))
    }

    /// The text that the id, or the ids, complete; None while a character is unfinished.
    fn step(&self, tokenizer: &Tokenizer, id: OneOrMany) -> PyResult<Option<String>> {
        let ids = match id {
            OneOrMany::One(id) => vec![id],
            OneOrMany::Many(ids) => ids,
        };
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stream.step(&tokenizer.shared(), &ids).map_err(ToPyErr::to_py_err)
    }

    fn __copy__(&self) -> Self {
        Self(Mutex::new(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()))
    }

    fn __deepcopy__(&self, _memo: &Bound<'_, PyAny>) -> Self {
        self.__copy__()
    }
}
