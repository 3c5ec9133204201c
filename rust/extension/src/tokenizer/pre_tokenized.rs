//! `PreTokenizedString` and `Token` as Python objects.

use std::sync::{Mutex, PoisonError};

use ferrolm_tokenizer::TokenizerError;
use ferrolm_tokenizer::model::PieceToken;
use ferrolm_tokenizer::pre_tokenized::{self, OffsetReferential, OffsetType, SplitToken};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::encoding::Encoding;
use super::normalized::NormalizedString;
use super::text::{text, wrong_type};
use crate::errors::{Kind, ToPyErr};
use crate::unsafe_sequences::List;

/// A token of a piece: its id, its text, and its bytes in the piece.
///
/// >>> from ferrolm.tokenizers import Token
/// >>> Token(7, "ab", (0, 2)).as_tuple()
/// (7, 'ab', (0, 2))
#[pyclass(frozen, module = "ferrolm.tokenizers")]
pub struct Token {
    id: u32,
    value: String,
    offsets: (usize, usize),
}

#[pymethods]
impl Token {
    #[new]
    fn new(id: u32, value: String, offsets: (usize, usize)) -> Self {
        Self { id, value, offsets }
    }

    /// Its number.
    #[getter]
    fn id(&self) -> u32 {
        self.id
    }

    /// Its text.
    #[getter]
    fn value(&self) -> &str {
        &self.value
    }

    /// Where it begins and ends in the piece.
    #[getter]
    fn offsets(&self) -> (usize, usize) {
        self.offsets
    }

    /// The three of them.
    fn as_tuple(&self) -> (u32, &str, (usize, usize)) {
        (self.id, &self.value, self.offsets)
    }

    fn __getnewargs__(&self) -> (u32, &str, (usize, usize)) {
        self.as_tuple()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let value = PyString::new(py, &self.value);
        Ok(format!("Token({}, {}, {:?})", self.id, value.repr()?, self.offsets))
    }
}

impl Token {
    fn to_core(&self) -> PyResult<SplitToken> {
        let offset = |offset: usize| {
            u32::try_from(offset).map_err(|_| {
                Kind::LimitError.error(format!("offsets: {offset} is beyond the limit of {}", u32::MAX))
            })
        };
        let (start, end) = (offset(self.offsets.0)?, offset(self.offsets.1)?);
        let token = PieceToken { id: self.id, start, end, verbatim: false };
        Ok(SplitToken { token, text: Some(self.value.as_str().into()) })
    }

    fn of(token: &SplitToken) -> Self {
        let SplitToken { token, text } = token;
        let value = text.as_deref().unwrap_or_default().to_owned();
        Self { id: token.id, value, offsets: (token.start as usize, token.end as usize) }
    }
}

/// A text, its offsets and its tokens if it has them.
type SplitTuple = (String, (usize, usize), Option<Vec<Token>>);

/// A text on its way through pre-tokenizers, in pieces that know where in it they come from.
///
/// >>> from ferrolm.tokenizers import PreTokenizedString, Token
/// >>> text = PreTokenizedString("so it goes")
/// >>> text.split(lambda index, piece: piece.split(" ", "removed"))
/// >>> text.get_splits()
/// [('so', (0, 2), None), ('it', (3, 5), None), ('goes', (6, 10), None)]
/// >>> text.tokenize(lambda piece: [Token(len(piece), piece, (0, len(piece)))])
/// >>> text.to_encoding().ids
/// [2, 2, 4]
#[pyclass(frozen, module = "ferrolm.tokenizers")]
pub struct PreTokenizedString(Mutex<Option<pre_tokenized::PreTokenizedString>>);

impl PreTokenizedString {
    /// Call `function` with an object that stands for `text` and changes it; once the call is over the object can no
    /// longer be used.
    pub fn lend(
        py: Python<'_>,
        text: &mut pre_tokenized::PreTokenizedString,
        function: impl FnOnce(&Bound<'_, Self>) -> PyResult<()>,
    ) -> PyResult<()> {
        let object = Bound::new(py, Self(Mutex::new(Some(text.clone()))))?;
        let result = function(&object);
        let changed = object.get().0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(changed) = changed {
            *text = changed;
        }
        result
    }

    /// Change the pieces by what may call Python; no lock is held meanwhile, and nothing changes if it fails.
    pub fn change(
        &self,
        change: impl FnOnce(&mut pre_tokenized::PreTokenizedString) -> PyResult<()>,
    ) -> PyResult<()> {
        let mut text = self.with(|text| text.clone())?;
        change(&mut text)?;
        self.with(|held| *held = text)
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut pre_tokenized::PreTokenizedString) -> T) -> PyResult<T> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The wording is the reference's, which users' tests look for.
        held.as_mut().map(use_it).ok_or_else(|| {
            Kind::InvalidArgumentError.error("Cannot use a PreTokenizedStringRefMut outside `pre_tokenize`")
        })
    }

    /// Change the pieces by calling `function`; what that raises comes out as it is.
    fn call(
        &self,
        function: &Bound<'_, PyAny>,
        expected: &str,
        change: impl FnOnce(&mut pre_tokenized::PreTokenizedString) -> ferrolm_tokenizer::Result<()>,
    ) -> PyResult<()> {
        if !function.is_callable() {
            return Err(wrong_type(function, "func", expected));
        }
        self.change(|text| {
            change(text).map_err(|error| match error {
                TokenizerError::Custom(error) => match error.downcast::<PyErr>() {
                    Ok(raised) => *raised,
                    Err(other) => TokenizerError::Custom(other).to_py_err(),
                },
                other => other.to_py_err(),
            })
        })
    }
}

fn raised(error: PyErr) -> TokenizerError {
    TokenizerError::Custom(Box::new(error))
}

#[pymethods]
impl PreTokenizedString {
    #[new]
    fn new(sequence: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text = pre_tokenized::PreTokenizedString::new(text(sequence, "sequence")?);
        Ok(Self(Mutex::new(Some(text))))
    }

    /// Replace each piece without tokens by the list that `func(index, piece)` gives; they must be parts of it.
    fn split(&self, func: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = func.py();
        self.call(func, "a function of an index and a NormalizedString", |text| {
            text.split(|index, piece| {
                let call = || {
                    let object = Bound::new(py, NormalizedString::of(piece))?;
                    let parts: List<Bound<'_, NormalizedString>> = func.call1((index, object))?.extract()?;
                    parts.iter().map(|part| part.get().text()).collect::<PyResult<Vec<_>>>()
                };
                call().map_err(raised)
            })
        })
    }

    /// Change each piece without tokens by `func(piece)`, whose result does not matter.
    fn normalize(&self, func: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = func.py();
        self.call(func, "a function of a NormalizedString", |text| {
            text.normalize(|piece| {
                NormalizedString::lend(py, piece, |object| func.call1((object,)).map(drop)).map_err(raised)
            })
        })
    }

    /// Give each piece without tokens those of `func(text)`, a list of `Token`.
    fn tokenize(&self, func: &Bound<'_, PyAny>) -> PyResult<()> {
        self.call(func, "a function of a str", |text| {
            text.tokenize(|piece| {
                let call = || {
                    let tokens: List<Bound<'_, Token>> = func.call1((piece.get(),))?.extract()?;
                    tokens.iter().map(|token| token.get().to_core()).collect::<PyResult<Vec<_>>>()
                };
                call().map_err(raised)
            })
        })
    }

    /// The tokens of all pieces; each piece is a word unless `word_idx` is given.
    #[pyo3(signature = (type_id=0, word_idx=None))]
    fn to_encoding(&self, type_id: u32, word_idx: Option<u32>) -> PyResult<Encoding> {
        let encoding = self.with(|text| text.to_encoding(word_idx, type_id, OffsetType::Character))?;
        Ok(Encoding::new(encoding.map_err(ToPyErr::to_py_err)?.into()))
    }

    /// (text, offsets, tokens) of each piece; offsets count "char" or "byte" of the "original" or "normalized" text.
    #[pyo3(signature = (offset_referential="original", offset_type="char"))]
    fn get_splits(&self, offset_referential: &str, offset_type: &str) -> PyResult<Vec<SplitTuple>> {
        let invalid = |argument: &str, found: &str, expected: &str| {
            Kind::InvalidArgumentError.error(format!("{argument}: found {found:?}, expected {expected}"))
        };
        let referential = match offset_referential {
            "original" => OffsetReferential::Original,
            "normalized" => OffsetReferential::Normalized,
            other => return Err(invalid("offset_referential", other, "\"original\" or \"normalized\"")),
        };
        let unit = match offset_type {
            "byte" => OffsetType::Byte,
            "char" => OffsetType::Character,
            other => return Err(invalid("offset_type", other, "\"byte\" or \"char\"")),
        };
        self.with(|text| {
            let offsets = text.offsets(referential, unit);
            let split = |(split, offsets): (&pre_tokenized::Split, (usize, usize))| {
                let tokens = split.tokens.as_ref().map(|tokens| tokens.iter().map(Token::of).collect());
                (split.text.get().to_owned(), offsets, tokens)
            };
            text.splits().iter().zip(offsets).map(split).collect()
        })
    }
}
