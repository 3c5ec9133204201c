//! Decoders as Python objects; the classes in `ferrolm.tokenizers.decoders` derive from these.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ferrolm_tokenizer::file::part;
use ferrolm_tokenizer::{TokenizerError, decoder};
use pyo3::prelude::*;

use super::class::Tokenizer;
use super::text::{elements, texts};
use crate::errors::ToPyErr;
use crate::unsafe_sequences::List;

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

/// An object with a method `decode_chain`, from a list of strings to another.
#[derive(Debug)]
struct PythonDecoder(Py<PyAny>);

impl decoder::CustomDecoder for PythonDecoder {
    fn decode_chain(&self, tokens: Vec<String>) -> ferrolm_tokenizer::Result<Vec<String>> {
        Python::attach(|py| self.0.bind(py).call_method1("decode_chain", (tokens,))?.extract())
            .map_err(|error: PyErr| TokenizerError::Custom(Box::new(error)))
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

    /// Become a decoder of the user's own: an object with a method `decode_chain`.
    fn set_custom(&self, decoder: Py<PyAny>) {
        let custom = decoder::Custom(Arc::new(PythonDecoder(decoder)));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = decoder::Decoder::Custom(custom);
    }

    fn is_custom(&self) -> bool {
        matches!(self.part(), decoder::Decoder::Custom(_))
    }

    /// Take the settings of `other`.
    fn take(&self, other: &Self) {
        let part = other.part();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = part;
    }

    fn to_json(&self) -> PyResult<String> {
        part::decoder_to_json(&self.part()).map_err(ToPyErr::to_py_err)
    }

    /// The text of a list of tokens.
    fn decode(&self, tokens: &Bound<'_, PyAny>) -> PyResult<String> {
        let objects = elements(tokens, "tokens")?;
        let tokens = texts(&objects, "tokens")?.into_iter().map(str::to_owned).collect();
        self.part().decode(tokens).map_err(ToPyErr::to_py_err)
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
    fn new(ids: Option<List<u32>>, skip_special_tokens: Option<bool>) -> Self {
        let stream =
            decoder::DecodeStream::new(ids.unwrap_or_default().0, skip_special_tokens.unwrap_or(false));
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
