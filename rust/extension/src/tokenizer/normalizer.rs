//! Normalizers as Python objects; the classes in `ferrolm.tokenizers.normalizers` derive from these.

use std::sync::{Arc, PoisonError, RwLock};

use ferrolm_tokenizer::file::part;
use ferrolm_tokenizer::normalized;
use ferrolm_tokenizer::normalizer::{self, Custom, CustomNormalizer};
use ferrolm_tokenizer::unicode::forms::Form;
use ferrolm_tokenizer::{Result, TokenizerError};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use super::normalized::NormalizedString;
use super::text::text;
use crate::errors::ToPyErr;
use crate::unsafe_sequences::List;

/// A normalizer that several objects have: whoever changes it changes it for all.
type Shared = Arc<RwLock<normalizer::Normalizer>>;

fn read(shared: &Shared) -> normalizer::Normalizer {
    shared.read().unwrap_or_else(PoisonError::into_inner).clone()
}

#[derive(Clone)]
enum Held {
    One(Shared),
    Sequence(Vec<Shared>),
}

impl Held {
    fn of(part: normalizer::Normalizer) -> Self {
        let shared = |part| Arc::new(RwLock::new(part));
        match part {
            normalizer::Normalizer::Sequence(parts) => {
                Self::Sequence(parts.into_iter().map(shared).collect())
            }
            one => Self::One(shared(one)),
        }
    }
}

/// A normalizer, made from its JSON and changed by it, or made of others.
#[pyclass(frozen, subclass, module = "ferrolm._rust")]
pub struct Normalizer(RwLock<Held>);

impl Normalizer {
    pub fn of(part: normalizer::Normalizer) -> Self {
        Self(RwLock::new(Held::of(part)))
    }

    pub fn part(&self) -> normalizer::Normalizer {
        match self.held() {
            Held::One(shared) => read(&shared),
            Held::Sequence(parts) => normalizer::Normalizer::Sequence(parts.iter().map(read).collect()),
        }
    }

    fn held(&self) -> Held {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, held: Held) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = held;
    }

    /// The parts of a sequence, or the normalizer itself.
    fn shared_parts(&self) -> Vec<Shared> {
        match self.held() {
            Held::One(shared) => vec![shared],
            Held::Sequence(parts) => parts,
        }
    }

    fn shared_part(&self, index: usize) -> PyResult<Shared> {
        let missing = || PyIndexError::new_err(format!("index {index} is beyond the end of the sequence"));
        self.shared_parts().into_iter().nth(index).ok_or_else(missing)
    }
}

#[pymethods]
impl Normalizer {
    #[new]
    fn new(json: &str) -> PyResult<Self> {
        part::normalizer_from_json(json).map(Self::of).map_err(ToPyErr::to_py_err)
    }

    /// One that calls the method `normalize(normalized)` of a Python object.
    #[staticmethod]
    fn of_object(object: Py<PyAny>) -> Self {
        Self::of(normalizer::Normalizer::Custom(Custom(Arc::new(PythonNormalizer(object)))))
    }

    /// Be the same normalizer as `other`: a change of one changes both.
    fn share(&self, other: &Self) {
        self.hold(other.held());
    }

    /// Be the sequence of these, whose own changes change it; sequences among them are taken apart.
    fn set_parts(&self, parts: List<PyRef<'_, Self>>) {
        self.hold(Held::Sequence(parts.iter().flat_map(|part| part.shared_parts()).collect()));
    }

    fn num_parts(&self) -> usize {
        self.shared_parts().len()
    }

    /// A part of a sequence, shared with it.
    fn get_part(&self, index: usize) -> PyResult<Self> {
        Ok(Self(RwLock::new(Held::One(self.shared_part(index)?))))
    }

    /// Change a part of a sequence to what `part` is now.
    fn set_part(&self, index: usize, part: &Self) -> PyResult<()> {
        let new = part.part();
        *self.shared_part(index)?.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// Take the settings of `json`.
    fn set_json(&self, json: &str) -> PyResult<()> {
        let part = part::normalizer_from_json(json).map_err(ToPyErr::to_py_err)?;
        match (self.held(), part) {
            (_, part @ normalizer::Normalizer::Sequence(_)) | (Held::Sequence(_), part) => {
                self.hold(Held::of(part));
            }
            (Held::One(shared), part) => *shared.write().unwrap_or_else(PoisonError::into_inner) = part,
        }
        Ok(())
    }

    fn to_json(&self) -> PyResult<String> {
        part::normalizer_to_json(&self.part()).map_err(ToPyErr::to_py_err)
    }

    /// The name of the class for this normalizer.
    fn type_name(&self) -> &'static str {
        use normalizer::Normalizer as N;
        let Held::One(shared) = self.held() else { return "Sequence" };
        match &*shared.read().unwrap_or_else(PoisonError::into_inner) {
            N::Bert(_) => "BertNormalizer",
            N::Strip { .. } => "Strip",
            N::StripAccents => "StripAccents",
            N::Unicode(Form::Nfc) => "NFC",
            N::Unicode(Form::Nfd) => "NFD",
            N::Unicode(Form::Nfkc) => "NFKC",
            N::Unicode(Form::Nfkd) => "NFKD",
            N::Sequence(_) => "Sequence",
            N::Lowercase => "Lowercase",
            N::Nmt => "Nmt",
            N::Precompiled(_) => "Precompiled",
            N::Replace(_) => "Replace",
            N::Prepend(_) => "Prepend",
            N::ByteLevel => "ByteLevel",
            N::Custom(_) => "Normalizer",
        }
    }

    /// Normalize `normalized` in place.
    fn normalize(&self, normalized: &Bound<'_, NormalizedString>) -> PyResult<()> {
        normalized.get().change(|text| self.part().normalize(text).map_err(ToPyErr::to_py_err))
    }

    /// The normalized form of `sequence`.
    fn normalize_str(&self, sequence: &Bound<'_, PyAny>) -> PyResult<String> {
        let normalized = self.part().normalize_plain(text(sequence, "sequence")?).map(Into::into);
        normalized.map_err(ToPyErr::to_py_err)
    }
}

/// A Python object with a method `normalize`.
#[derive(Debug)]
struct PythonNormalizer(Py<PyAny>);

impl CustomNormalizer for PythonNormalizer {
    fn normalize(&self, text: &mut normalized::NormalizedString) -> Result<()> {
        let call = |py: Python<'_>, text| {
            NormalizedString::lend(py, text, |object| {
                self.0.bind(py).call_method1("normalize", (object,)).map(drop)
            })
        };
        Python::attach(|py| {
            call(py, text).map_err(|error| {
                let note = format!("{error}: raised by normalize() of a custom normalizer");
                // Without the note the exception still says what is wrong.
                let _ = error.value(py).call_method1("add_note", (note,));
                TokenizerError::Custom(Box::new(error))
            })
        })
    }
}
