//! Encodings as tiktoken has them, for `ferrolm.compat.tiktoken`.

use std::collections::BTreeSet;

use ferrolm_base::Cancel;
use ferrolm_tokenizer::ranks::{self, Allowed, Ranks, SpecialMatch};
use ferrolm_tokenizer::{Ragged, file};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use super::numbers;
use super::text::{elements, text, wrong_type};
use crate::enter::{enter, enter_brief};
use crate::errors::{Kind, ToPyErr};
use crate::unsafe_sequences::{List, iterate};

/// As in `class.rs`: up to here inline, up to there on this thread, beyond on the pool.
const INLINE_BYTES: usize = 1 << 11;
const LONG_BYTES: usize = 1 << 16;

/// Ranks, a pattern and special tokens.
#[pyclass(frozen, module = "ferrolm._rust")]
pub struct RankEncoding(ranks::RankEncoding);

#[pymethods]
impl RankEncoding {
    /// From ranks by token.
    #[new]
    fn new(
        py: Python<'_>,
        mergeable_ranks: &Bound<'_, PyDict>,
        special_tokens: List<(String, u32)>,
        pattern: &str,
    ) -> PyResult<Self> {
        let entries = mergeable_ranks
            .iter()
            .map(|(token, rank)| {
                let token = token
                    .cast_into::<PyBytes>()
                    .map_err(|error| wrong_type(&error.into_inner(), "mergeable_ranks", "tokens as bytes"))?;
                Ok((token, rank.extract::<u32>()?))
            })
            .collect::<PyResult<Vec<_>>>()?;
        let entries: Vec<(&[u8], u32)> =
            entries.iter().map(|(token, rank)| (token.as_bytes(), *rank)).collect();
        let made = enter_brief(py, |_| {
            ranks::RankEncoding::new(Ranks::new(entries.into_iter())?, pattern, special_tokens.0)
        });
        Self::of(made)
    }

    /// From the content of a `.tiktoken` file.
    #[staticmethod]
    fn of_tiktoken(
        py: Python<'_>,
        content: &[u8],
        name: &str,
        special_tokens: List<(String, u32)>,
        pattern: &str,
    ) -> PyResult<Self> {
        Self::of(enter_brief(py, |_| {
            let ranks = file::ranks_from_tiktoken(content, name)?;
            ranks::RankEncoding::new(ranks, pattern, special_tokens.0)
        }))
    }

    /// From the content of a `vocab.json` and a `merges.txt`; special tokens in it have no rank.
    #[staticmethod]
    fn of_vocab_and_merges(
        py: Python<'_>,
        vocab: &[u8],
        merges: &[u8],
        name: &str,
        special_tokens: List<(String, u32)>,
        pattern: &str,
    ) -> PyResult<Self> {
        Self::of(enter_brief(py, |_| {
            let ranks = file::ranks_from_vocab(vocab, merges, name)?;
            ranks::RankEncoding::new(ranks, pattern, special_tokens.0)
        }))
    }

    // Encoding.

    /// Ids of a text; special tokens in it are text like any other.
    fn encode_ordinary<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let ids = self.ids(py, string(text, "text")?, &[])?;
        numbers::list(py, &ids)
    }

    /// Ids of a text with the special tokens that are allowed.
    fn encode<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyAny>,
        allowed_special: &Bound<'py, PyAny>,
        disallowed_special: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let text = string(text, "text")?;
        let found = self.specials(text, allowed_special, disallowed_special)?;
        numbers::list(py, &self.ids(py, text, &found)?)
    }

    /// The same as an array.
    fn encode_array<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyAny>,
        allowed_special: &Bound<'py, PyAny>,
        disallowed_special: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArray1<u32>>> {
        let text = string(text, "text")?;
        let found = self.specials(text, allowed_special, disallowed_special)?;
        Ok(self.ids(py, text, &found)?.into_pyarray(py))
    }

    /// Ids of many texts; special tokens in them are text like any other.
    fn encode_ordinary_batch<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let objects = elements(texts, "text")?;
        let texts = strings(&objects)?;
        let work = |cancel: &Cancel| self.0.encode_batch(&texts, Allowed::These(&[]), cancel);
        Self::lists(py, &enter(py, work)?.map_err(ToPyErr::to_py_err)?)
    }

    /// Ids of many texts with the special tokens that are allowed.
    fn encode_batch<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        allowed_special: &Bound<'py, PyAny>,
        disallowed_special: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let objects = elements(texts, "text")?;
        let texts = strings(&objects)?;
        let mut allowed = BTreeSet::new();
        for text in &texts {
            let found = self.specials(text, allowed_special, disallowed_special)?;
            allowed.extend(found.iter().map(|found| found.content));
        }
        let allowed: Vec<&str> = allowed.into_iter().collect();
        let work = |cancel: &Cancel| self.0.encode_batch(&texts, Allowed::These(&allowed), cancel);
        Self::lists(py, &enter(py, work)?.map_err(ToPyErr::to_py_err)?)
    }

    /// The tokens of a text that no further text changes, and what may follow them.
    fn encode_with_unstable(
        &self,
        py: Python<'_>,
        text: &Bound<'_, PyAny>,
        allowed_special: &Bound<'_, PyAny>,
        disallowed_special: &Bound<'_, PyAny>,
    ) -> PyResult<(Vec<u32>, Vec<Vec<u32>>)> {
        let text = string(text, "text")?;
        let found = self.specials(text, allowed_special, disallowed_special)?;
        let allowed: Vec<&str> = found.iter().map(|found| found.content).collect();
        let unstable = enter(py, |_| self.0.encode_with_unstable(text, Allowed::These(&allowed)))?;
        let (tokens, completions) = unstable.map_err(ToPyErr::to_py_err)?;
        Ok((tokens, completions.into_iter().collect()))
    }

    /// The id of the token of some bytes, special or not; None if there is none.
    fn encode_single_token(&self, token: &[u8]) -> Option<u32> {
        let special = || self.0.special_id(std::str::from_utf8(token).ok()?);
        self.0.rank_of(token).or_else(special)
    }

    /// Ids of bytes that no pattern cuts.
    fn encode_single_piece(&self, piece: &[u8]) -> PyResult<Vec<u32>> {
        let mut ids = Vec::new();
        self.0.encode_piece(piece, &mut ids).map_err(ToPyErr::to_py_err)?;
        Ok(ids)
    }

    /// Ids of bytes that need not be UTF-8.
    fn encode_bytes(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<Vec<u32>> {
        enter_brief(py, |_| self.0.encode_bytes(bytes)).map_err(ToPyErr::to_py_err)
    }

    // Decoding.

    fn decode_bytes<'py>(
        &self,
        py: Python<'py>,
        tokens: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        if let Ok(array) = tokens.extract::<PyReadonlyArray1<'_, u32>>()
            && let Ok(ids) = array.as_slice()
        {
            return Ok(PyBytes::new(py, &self.0.decode(ids).map_err(ToPyErr::to_py_err)?));
        }
        let bytes = self.0.decode(&tokens.extract::<List<u32>>()?);
        Ok(PyBytes::new(py, &bytes.map_err(ToPyErr::to_py_err)?))
    }

    fn decode_single_token_bytes<'py>(&self, py: Python<'py>, token: u32) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, self.token(token)?))
    }

    fn decode_tokens_bytes<'py>(&self, py: Python<'py>, tokens: List<u32>) -> PyResult<Bound<'py, PyList>> {
        let tokens = tokens.iter().map(|&token| self.token(token)).collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, tokens.iter().map(|token| PyBytes::new(py, token)))
    }

    fn decode_bytes_batch<'py>(
        &self,
        py: Python<'py>,
        batch: List<List<u32>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let decoded = enter(py, |cancel| {
            let one = |ids: &List<u32>| cancel.check().map_err(Into::into).and_then(|()| self.0.decode(ids));
            batch.iter().map(one).collect::<ferrolm_tokenizer::Result<Vec<_>>>()
        })?;
        let decoded = decoded.map_err(ToPyErr::to_py_err)?;
        PyList::new(py, decoded.iter().map(|bytes| PyBytes::new(py, bytes)))
    }

    /// The bytes of tokens, and the character of the text in which each begins.
    fn decode_with_offsets<'py>(
        &self,
        py: Python<'py>,
        tokens: List<u32>,
    ) -> PyResult<(Bound<'py, PyBytes>, Vec<usize>)> {
        let (bytes, offsets) = self.0.decode_with_offsets(&tokens).map_err(ToPyErr::to_py_err)?;
        Ok((PyBytes::new(py, &bytes), offsets))
    }

    // The vocabulary.

    /// The bytes of all tokens that are not special, sorted.
    fn token_byte_values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let token = |&rank: &u32| PyBytes::new(py, self.0.ranks().token(rank).unwrap_or_default());
        PyList::new(py, self.0.sorted().iter().map(token))
    }

    /// Ranks by token.
    fn mergeable_ranks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (rank, token) in self.0.ranks().iter() {
            dict.set_item(PyBytes::new(py, token), rank)?;
        }
        Ok(dict)
    }

    /// Number of ranks, and one past the largest.
    fn sizes(&self) -> (usize, usize) {
        (self.0.ranks().len(), self.0.ranks().bound())
    }
}

impl RankEncoding {
    fn of(made: ferrolm_tokenizer::Result<ranks::RankEncoding>) -> PyResult<Self> {
        Ok(Self(made.map_err(ToPyErr::to_py_err)?))
    }

    fn token(&self, id: u32) -> PyResult<&[u8]> {
        self.0.token(id).ok_or_else(|| ferrolm_tokenizer::TokenizerError::UnknownToken(id).to_py_err())
    }

    fn ids(&self, py: Python<'_>, text: &str, found: &[SpecialMatch<'_>]) -> PyResult<Vec<u32>> {
        let work = |cancel: &Cancel| {
            let mut ids = Vec::with_capacity(text.len() / 3 + 8);
            self.0.encode(text, found, Allowed::All, cancel, &mut ids).map(|()| ids)
        };
        let ids = if text.len() <= INLINE_BYTES {
            work(&ferrolm_base::cancel::NEVER)
        } else if text.len() <= LONG_BYTES {
            enter_brief(py, work)
        } else {
            enter(py, work)?
        };
        ids.map_err(ToPyErr::to_py_err)
    }

    fn lists<'py>(py: Python<'py>, ragged: &Ragged) -> PyResult<Bound<'py, PyList>> {
        let row = |bounds: &[i64]| numbers::list(py, &ragged.ids[bounds[0] as usize..bounds[1] as usize]);
        PyList::new(py, ragged.offsets.windows(2).map(row).collect::<PyResult<Vec<_>>>()?)
    }

    /// The special tokens in `text` that are allowed; an error if one is there that is not.
    fn specials<'a>(
        &'a self,
        text: &str,
        allowed: &Bound<'_, PyAny>,
        disallowed: &Bound<'_, PyAny>,
    ) -> PyResult<Vec<SpecialMatch<'a>>> {
        let mut found = self.0.specials_in(text);
        if is_all(disallowed) {
            if found.is_empty() {
                return Ok(found);
            }
            if !is_all(allowed) {
                let mut kept = Vec::new();
                let mut first: Option<SpecialMatch<'a>> = None;
                for special in found {
                    if allowed.contains(special.content)? {
                        kept.push(special);
                    } else if first.is_none_or(|first| special.before(&first)) {
                        first = Some(special);
                    }
                }
                return first.map_or(Ok(kept), |first| Err(refused(first.content)));
            }
            return Ok(found);
        }
        let named: Vec<PyBackedStr> = iterate(disallowed)
            .map_err(|_| wrong_type(disallowed, "disallowed_special", "\"all\" or a collection of texts"))?
            .map(|token| token?.extract::<PyBackedStr>())
            .collect::<PyResult<_>>()?;
        let first =
            named.iter().filter_map(|token| Some((text.find(&**token)?, token))).min_by_key(|(at, _)| *at);
        if let Some((_, token)) = first {
            return Err(refused(token));
        }
        if !found.is_empty() && !is_all(allowed) {
            let mut kept = Vec::new();
            for special in found {
                if allowed.contains(special.content)? {
                    kept.push(special);
                }
            }
            found = kept;
        }
        Ok(found)
    }
}

fn is_all(object: &Bound<'_, PyAny>) -> bool {
    object.cast::<PyString>().is_ok_and(|string| string.to_str().is_ok_and(|string| string == "all"))
}

/// The UTF-8 of a `str`; `bytes` are none here.
fn string<'a>(object: &'a Bound<'_, PyAny>, argument: &str) -> PyResult<&'a str> {
    if object.is_instance_of::<PyString>() {
        return text(object, argument);
    }
    Err(wrong_type(object, argument, "str"))
}

fn strings<'a>(objects: &'a [Bound<'_, PyAny>]) -> PyResult<Vec<&'a str>> {
    let one = |(index, object)| string(object, &format!("text[{index}]"));
    objects.iter().enumerate().map(one).collect()
}

fn refused(token: &str) -> PyErr {
    Kind::InvalidArgumentError.error(format!(
        "text: has the special token {token:?}, which is not allowed here. To encode it as the special token, pass \
         allowed_special={{{token:?}}}; to encode it as ordinary text, pass \
         disallowed_special=encoding.special_tokens_set - {{{token:?}}}; to encode all special tokens as ordinary \
         text, pass disallowed_special=()"
    ))
}
