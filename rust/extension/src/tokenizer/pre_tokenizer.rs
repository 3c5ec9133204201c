//! Pre-tokenizers as Python objects; the classes in `ferrolm.tokenizers.pre_tokenizers` derive from these.

use std::sync::{Arc, PoisonError, RwLock};

use ferrolm_tokenizer::file::part;
use ferrolm_tokenizer::pre_tokenizer::{self, Custom, CustomPreTokenizer};
use ferrolm_tokenizer::{Result, TokenizerError, pre_tokenized};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use super::pre_tokenized::PreTokenizedString;
use super::text::text;
use crate::errors::ToPyErr;
use crate::unsafe_sequences::List;

/// A pre-tokenizer that several objects have: whoever changes it changes it for all.
type Shared = Arc<RwLock<pre_tokenizer::PreTokenizer>>;

fn read(shared: &Shared) -> pre_tokenizer::PreTokenizer {
    shared.read().unwrap_or_else(PoisonError::into_inner).clone()
}

#[derive(Clone)]
enum Held {
    One(Shared),
    Sequence(Vec<Shared>),
}

impl Held {
    fn of(part: pre_tokenizer::PreTokenizer) -> Self {
        let shared = |part| Arc::new(RwLock::new(part));
        match part {
            pre_tokenizer::PreTokenizer::Sequence(parts) => {
                Self::Sequence(parts.into_iter().map(shared).collect())
            }
            one => Self::One(shared(one)),
        }
    }
}

/// A pre-tokenizer, made from its JSON and changed by it, or made of others.
#[pyclass(frozen, subclass, module = "ferrolm._rust")]
pub struct PreTokenizer(RwLock<Held>);

impl PreTokenizer {
    pub fn of(part: pre_tokenizer::PreTokenizer) -> Self {
        Self(RwLock::new(Held::of(part)))
    }

    pub fn part(&self) -> pre_tokenizer::PreTokenizer {
        match self.held() {
            Held::One(shared) => read(&shared),
            Held::Sequence(parts) => pre_tokenizer::PreTokenizer::Sequence(parts.iter().map(read).collect()),
        }
    }

    fn held(&self) -> Held {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, held: Held) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = held;
    }

    /// The parts of a sequence, or the pre-tokenizer itself.
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
impl PreTokenizer {
    #[new]
    fn new(json: &str) -> PyResult<Self> {
        part::pre_tokenizer_from_json(json).map(Self::of).map_err(ToPyErr::to_py_err)
    }

    /// One that calls the method `pre_tokenize(pretok)` of a Python object.
    #[staticmethod]
    fn of_object(object: Py<PyAny>) -> Self {
        Self::of(pre_tokenizer::PreTokenizer::Custom(Custom(Arc::new(PythonPreTokenizer(object)))))
    }

    /// Be the same pre-tokenizer as `other`: a change of one changes both.
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
        let part = part::pre_tokenizer_from_json(json).map_err(ToPyErr::to_py_err)?;
        match (self.held(), part) {
            (_, part @ pre_tokenizer::PreTokenizer::Sequence(_)) | (Held::Sequence(_), part) => {
                self.hold(Held::of(part));
            }
            (Held::One(shared), part) => *shared.write().unwrap_or_else(PoisonError::into_inner) = part,
        }
        Ok(())
    }

    fn to_json(&self) -> PyResult<String> {
        part::pre_tokenizer_to_json(&self.part()).map_err(ToPyErr::to_py_err)
    }

    /// The name of the class for this pre-tokenizer.
    fn type_name(&self) -> &'static str {
        use pre_tokenizer::PreTokenizer as P;
        let Held::One(shared) = self.held() else { return "Sequence" };
        match &*shared.read().unwrap_or_else(PoisonError::into_inner) {
            P::Bert => "BertPreTokenizer",
            P::ByteLevel(_) => "ByteLevel",
            P::CharDelimiterSplit(_) => "CharDelimiterSplit",
            P::Digits { .. } => "Digits",
            P::FixedLength(_) => "FixedLength",
            P::Metaspace(_) => "Metaspace",
            P::Punctuation(_) => "Punctuation",
            P::Sequence(_) => "Sequence",
            P::Split(_) => "Split",
            P::UnicodeScripts => "UnicodeScripts",
            P::Whitespace => "Whitespace",
            P::WhitespaceSplit => "WhitespaceSplit",
            P::Custom(_) => "PreTokenizer",
        }
    }

    /// Cut the pieces of `pretok` in place.
    fn pre_tokenize(&self, pretok: &Bound<'_, PreTokenizedString>) -> PyResult<()> {
        pretok.get().change(|text| self.part().pre_tokenize(text).map_err(ToPyErr::to_py_err))
    }

    /// (piece, (start, end) in characters) of each piece.
    fn pre_tokenize_str(&self, s: &Bound<'_, PyAny>) -> PyResult<Vec<(String, (usize, usize))>> {
        self.part().pre_tokenize_str(text(s, "s")?).map_err(ToPyErr::to_py_err)
    }
}

/// A Python object with a method `pre_tokenize`.
struct PythonPreTokenizer(Py<PyAny>);

impl CustomPreTokenizer for PythonPreTokenizer {
    fn pre_tokenize(&self, text: &mut pre_tokenized::PreTokenizedString) -> Result<()> {
        Python::attach(|py| {
            PreTokenizedString::lend(py, text, |object| {
                self.0.bind(py).call_method1("pre_tokenize", (object,)).map(drop)
            })
        })
        .map_err(|error| TokenizerError::Custom(Box::new(error)))
    }
}
