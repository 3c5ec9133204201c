//! `Encoding`: ids at once, the rest when asked for.

use std::sync::{Arc, PoisonError, RwLock};

use ferrolm_tokenizer::encoding::{Columns, Direction, Encoding as Full};
use ferrolm_tokenizer::{LazyEncoding, Padding, Run};
use pyo3::exceptions::PyDeprecationWarning;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use super::names::Names;
use super::numbers::{list, optional_list, pair_list, run_list};
use super::text::text;
use crate::errors::{Kind, ToPyErr};
use crate::unsafe_lists::{self, Element};
use crate::unsafe_sequences::List;

/// What encoding a text gives: ids, and on demand tokens, offsets, words, masks. Like `tokenizers.Encoding`.
#[pyclass(frozen, module = "ferrolm.tokenizers")]
pub struct Encoding(RwLock<LazyEncoding>, Option<Arc<Names>>);

impl Encoding {
    pub fn new(encoding: LazyEncoding) -> Self {
        Self(RwLock::new(encoding), None)
    }

    /// One that takes the strings of its tokens from `names`.
    pub fn named(encoding: LazyEncoding, names: &Arc<Names>) -> Self {
        Self(RwLock::new(encoding), Some(names.clone()))
    }

    /// A copy of everything.
    pub fn full(&self) -> PyResult<Full> {
        self.read(Full::clone)
    }

    fn read<T>(&self, get: impl FnOnce(&Full) -> T) -> PyResult<T> {
        let encoding = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Ok(get(encoding.full().map_err(ToPyErr::to_py_err)?))
    }

    /// A mask from the runs of the tokens, or from all of the encoding if that is there.
    fn mask<'py>(
        &self,
        py: Python<'py>,
        of_run: impl Fn(&Run) -> u32,
        of_all: impl Fn(&Full) -> &[u32],
    ) -> PyResult<Bound<'py, PyList>> {
        let encoding = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match encoding.runs() {
            Some(runs) => run_list(py, runs.iter().map(|run| (run.length, of_run(run)))),
            None => list(py, of_all(encoding.full().map_err(ToPyErr::to_py_err)?)),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Full) -> ferrolm_tokenizer::Result<()>) -> PyResult<()> {
        let mut encoding = self.0.write().unwrap_or_else(PoisonError::into_inner);
        encoding.change(change).map_err(ToPyErr::to_py_err)
    }
}

/// Errors have the words of `tokenizers`.
pub fn direction(name: &str) -> PyResult<Direction> {
    let message = || format!("Unknown `direction`: `{name}`. Use one of `left` or `right`");
    direction_named(name).ok_or_else(|| Kind::InvalidArgumentError.error(message()))
}

fn direction_named(name: &str) -> Option<Direction> {
    match name {
        "left" => Some(Direction::Left),
        "right" => Some(Direction::Right),
        _ => None,
    }
}

#[pymethods]
impl Encoding {
    #[new]
    fn empty() -> Self {
        Self::new(Full::default().into())
    }

    fn __len__(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).ids().len()
    }

    /// Ids of the tokens.
    #[getter]
    fn ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        list(py, self.0.read().unwrap_or_else(PoisonError::into_inner).ids())
    }

    /// 0 for tokens of the first sequence, 1 for those of the second, or as the post-processor says.
    #[getter]
    fn type_ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.mask(py, |run| run.type_id, |full| &full.type_ids)
    }

    /// The tokens as the vocabulary writes them.
    #[getter]
    fn tokens<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let encoding = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let (Some(columns), Some(model), Some(names)) = (encoding.columns(), encoding.model(), &self.1)
            && names.are_of(model)
        {
            let mut own = columns.own_texts().peekable();
            let name = |(index, &id): (usize, &u32)| {
                Ok(match own.next_if(|&(at, _)| at == index) {
                    Some((_, text)) => Element::Made(PyString::new(py, text).into_any()),
                    None => names.get(py, id),
                })
            };
            return unsafe_lists::list(py, encoding.ids().iter().enumerate().map(name));
        }
        let full = encoding.full().map_err(ToPyErr::to_py_err)?;
        PyList::new(py, (0..full.len()).map(|index| full.token(index)))
    }

    /// For each token the number of its word (a piece of the pre-tokenizer) in its sequence; None for special
    /// tokens.
    #[getter]
    fn word_ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let encoding = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match encoding.columns() {
            Some(columns) => {
                let word = |&word: &u32| (word != Columns::NO_WORD).then_some(word);
                optional_list(py, columns.words.iter().map(word))
            }
            None => optional_list(py, encoding.full().map_err(ToPyErr::to_py_err)?.words.iter().copied()),
        }
    }

    /// For each token the number of its sequence; None for special tokens.
    #[getter]
    fn sequence_ids(&self) -> PyResult<Vec<Option<usize>>> {
        self.read(Full::sequence_ids)
    }

    /// For each token where it begins and ends in the original text, in characters.
    #[getter]
    fn offsets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let encoding = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match encoding.columns() {
            Some(columns) => {
                pair_list(py, columns.offsets.iter().map(|&(start, end)| (start as usize, end as usize)))
            }
            None => pair_list(py, encoding.full().map_err(ToPyErr::to_py_err)?.offsets.iter().copied()),
        }
    }

    /// 1 for tokens that the post-processor or padding added.
    #[getter]
    fn special_tokens_mask<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.mask(py, |run| u32::from(run.special), |full| &full.special_tokens_mask)
    }

    /// 0 for padding, 1 for the rest.
    #[getter]
    fn attention_mask<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.mask(py, |run| u32::from(!run.padding), |full| &full.attention_mask)
    }

    /// How many sequences were encoded together.
    #[getter]
    fn n_sequences(&self) -> PyResult<usize> {
        self.read(Full::n_sequences)
    }

    /// The index of the word of each token; deprecated name of `word_ids`.
    #[getter]
    fn words<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let category = py.get_type::<PyDeprecationWarning>();
        PyErr::warn(py, &category, c"Encoding.words is deprecated; use Encoding.word_ids", 1)?;
        self.word_ids(py)
    }

    /// What truncation cut off, as encodings of at most the same length.
    #[getter]
    fn overflowing(&self) -> PyResult<Vec<Self>> {
        let part = |part: &Full| Self(RwLock::new(part.clone().into()), self.1.clone());
        self.read(|full| full.overflowing.iter().map(part).collect())
    }

    /// The range of the tokens of a word; None if it has none.
    #[pyo3(signature = (word_index, sequence_index=0))]
    fn word_to_tokens(&self, word_index: u32, sequence_index: usize) -> PyResult<Option<(usize, usize)>> {
        self.read(|full| full.word_to_tokens(word_index, sequence_index))
    }

    /// The range of the characters of a word.
    #[pyo3(signature = (word_index, sequence_index=0))]
    fn word_to_chars(&self, word_index: u32, sequence_index: usize) -> PyResult<Option<(usize, usize)>> {
        self.read(|full| full.word_to_chars(word_index, sequence_index))
    }

    /// The number of the sequence of a token.
    fn token_to_sequence(&self, token_index: usize) -> PyResult<Option<usize>> {
        self.read(|full| full.token_to_sequence(token_index))
    }

    /// The range of the characters of a token.
    fn token_to_chars(&self, token_index: usize) -> PyResult<Option<(usize, usize)>> {
        self.read(|full| full.token_to_chars(token_index))
    }

    /// The number of the word of a token.
    fn token_to_word(&self, token_index: usize) -> PyResult<Option<u32>> {
        self.read(|full| full.token_to_word(token_index))
    }

    /// The number of the token that has a character.
    #[pyo3(signature = (char_pos, sequence_index=0))]
    fn char_to_token(&self, char_pos: usize, sequence_index: usize) -> PyResult<Option<usize>> {
        self.read(|full| full.char_to_token(char_pos, sequence_index))
    }

    /// The number of the word that has a character.
    #[pyo3(signature = (char_pos, sequence_index=0))]
    fn char_to_word(&self, char_pos: usize, sequence_index: usize) -> PyResult<Option<u32>> {
        self.read(|full| full.char_to_word(char_pos, sequence_index))
    }

    /// Say of which sequence all tokens are.
    fn set_sequence_id(&self, sequence_id: usize) -> PyResult<()> {
        self.change(|full| {
            full.set_sequence_id(sequence_id);
            Ok(())
        })
    }

    /// Make it `length` tokens long, if it is shorter.
    #[pyo3(signature = (length, *, direction="right", pad_id=0, pad_type_id=0, pad_token="[PAD]"))]
    fn pad(
        &self,
        length: usize,
        direction: &str,
        pad_id: u32,
        pad_type_id: u32,
        pad_token: &str,
    ) -> PyResult<()> {
        let direction = self::direction(direction)?;
        let pad_token = pad_token.to_owned();
        let padding = Padding { direction, pad_id, pad_type_id, pad_token, ..Padding::default() };
        self.change(|full| full.pad(length, &padding))
    }

    /// Make it at most `max_length` tokens long; the rest goes to `overflowing`, each part with `stride` tokens of
    /// the part before.
    #[pyo3(signature = (max_length, stride=0, direction="right"))]
    fn truncate(&self, max_length: usize, stride: usize, direction: &str) -> PyResult<()> {
        let message = || format!("Invalid truncation direction value : {direction}");
        let direction =
            direction_named(direction).ok_or_else(|| Kind::InvalidArgumentError.error(message()))?;
        self.change(|full| full.truncate(max_length, stride, direction))
    }

    /// The encodings joined; with growing offsets, those of each count on from the one before.
    #[staticmethod]
    #[pyo3(signature = (encodings, growing_offsets=true))]
    fn merge(encodings: List<PyRef<'_, Self>>, growing_offsets: bool) -> PyResult<Self> {
        let mut merged = Full::default();
        for encoding in encodings {
            merged.merge_with(&encoding.full()?, growing_offsets);
        }
        Ok(Self::new(merged.into()))
    }

    fn __repr__(&self) -> String {
        let fields = "ids, type_ids, tokens, offsets, attention_mask, special_tokens_mask, overflowing";
        format!("Encoding(num_tokens={}, attributes=[{fields}])", self.__len__())
    }

    /// The tokens in colours, for notebooks.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("ferrolm.tokenizers.tools.markup")?.call_method1("encoding_view", (slf,))
    }

    /// The state as JSON, in the form of the `tokenizers` package.
    fn __getstate__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, self.read(Full::to_json)?.map_err(ToPyErr::to_py_err)?.as_bytes()))
    }

    fn __setstate__(&self, state: &Bound<'_, PyAny>) -> PyResult<()> {
        let restored = Full::from_json(text(state, "state")?).map_err(ToPyErr::to_py_err)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = restored.into();
        Ok(())
    }
}
