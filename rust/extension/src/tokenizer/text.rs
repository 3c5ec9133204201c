//! Text from Python, borrowed without copying.

use ferrolm_tokenizer::Input;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use crate::errors::Kind;
use crate::unsafe_sequences::{collected, iterate};

// What is expected, with the words of `tokenizers`, which users look for.
const TEXT: &str = "str or bytes: TextInputSequence must be str";
const WORDS: &str = "a sequence of texts: PreTokenizedInputSequence must be Union[List[str], Tuple[str]]";
const TEXT_OR_PAIR: &str = "a text or a pair of texts: TextEncodeInput must be Union[TextInputSequence, \
                            Tuple[InputSequence, InputSequence]]";
const WORDS_OR_PAIR: &str = "a sequence of texts or a pair of those: PreTokenizedEncodeInput must be \
                             Union[PreTokenizedInputSequence, Tuple[PreTokenizedInputSequence, \
                             PreTokenizedInputSequence]]";

/// The UTF-8 of a `str` or `bytes`; `argument` is named in errors.
#[inline]
pub fn text<'a>(object: &'a Bound<'_, PyAny>, argument: &str) -> PyResult<&'a str> {
    text_for(object, argument, "str or bytes")
}

#[inline]
fn text_for<'a>(object: &'a Bound<'_, PyAny>, argument: &str, expected: &str) -> PyResult<&'a str> {
    if let Ok(string) = object.cast::<PyString>() {
        return string.to_str().map_err(|error| not_unicode(object.py(), &error, argument));
    }
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return std::str::from_utf8(bytes.as_bytes()).map_err(|error| {
            let position = error.valid_up_to();
            Kind::InvalidEncodingError.error(format!("{argument}: invalid UTF-8 at byte {position}"))
        });
    }
    Err(wrong_type(object, argument, expected))
}

pub fn wrong_type(object: &Bound<'_, PyAny>, argument: &str, expected: &str) -> PyErr {
    let found = object.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string());
    Kind::InvalidTypeError.error(format!("{argument}: found {found}, expected {expected}"))
}

/// `CPython` says where the lone surrogate is, in an exception whose message hides it.
fn not_unicode(py: Python<'_>, error: &PyErr, argument: &str) -> PyErr {
    let position = error.value(py).getattr("start").and_then(|start| start.extract::<usize>());
    match position {
        Ok(position) => Kind::InvalidEncodingError
            .error(format!("{argument}: lone surrogate at character {position}, which no text has")),
        Err(_) => error.clone_ref(py),
    }
}

/// The elements of a sequence that is not itself a text.
pub fn elements<'py>(object: &Bound<'py, PyAny>, argument: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
    elements_for(object, argument, "a sequence of texts")
}

fn elements_for<'py>(
    object: &Bound<'py, PyAny>,
    argument: &str,
    expected: &str,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if let Ok(list) = object.cast::<PyList>() {
        return Ok(list.iter().collect());
    }
    if let Ok(tuple) = object.cast::<PyTuple>() {
        return Ok(tuple.iter().collect());
    }
    if object.is_instance_of::<PyString>() || object.is_instance_of::<PyBytes>() {
        return Err(wrong_type(object, argument, expected));
    }
    collected(object, iterate(object).map_err(|_| wrong_type(object, argument, expected))?)
}

/// The UTF-8 of each element; errors name `argument[index]`.
pub fn texts<'a>(objects: &'a [Bound<'_, PyAny>], argument: &str) -> PyResult<Vec<&'a str>> {
    texts_for(objects, argument, "str or bytes")
}

fn texts_for<'a>(objects: &'a [Bound<'_, PyAny>], argument: &str, expected: &str) -> PyResult<Vec<&'a str>> {
    let one = |(index, object)| match text_for(object, argument, expected) {
        Ok(text) => Ok(text),
        Err(_) => text_for(object, &format!("{argument}[{index}]"), expected),
    };
    objects.iter().enumerate().map(one).collect()
}

/// A sequence that keeps its Python objects alive while their text is borrowed.
pub enum Held<'py> {
    Text(Bound<'py, PyAny>),
    Words(Vec<Bound<'py, PyAny>>),
}

impl<'py> Held<'py> {
    pub fn new(object: &Bound<'py, PyAny>, is_pretokenized: bool, argument: &str) -> PyResult<Self> {
        if is_pretokenized {
            Ok(Self::Words(elements_for(object, argument, WORDS)?))
        } else {
            Ok(Self::Text(object.clone()))
        }
    }

    pub fn input(&self, argument: &str) -> PyResult<Input<'_>> {
        match self {
            Self::Text(object) => text_for(object, argument, TEXT).map(Input::Text),
            Self::Words(words) => texts_for(words, argument, WORDS).map(Input::Words),
        }
    }
}

/// One element of a batch: a sequence, or a pair of them as a tuple or list of two.
pub fn sequence_or_pair<'py>(
    object: &Bound<'py, PyAny>,
    is_pretokenized: bool,
    argument: &str,
) -> PyResult<(Held<'py>, Option<Held<'py>>)> {
    let is_text = |object: &Bound<'py, PyAny>| {
        object.is_instance_of::<PyString>() || object.is_instance_of::<PyBytes>()
    };
    if is_text(object) && !is_pretokenized {
        return Ok((Held::Text(object.clone()), None));
    }
    let parts = elements_for(object, argument, if is_pretokenized { WORDS_OR_PAIR } else { TEXT_OR_PAIR })?;
    // Pre-tokenized sequences are lists of texts themselves: a pair is two of those.
    let is_pair = parts.len() == 2 && (!is_pretokenized || parts.iter().all(|part| !is_text(part)));
    if is_pair {
        let held = |part| Held::new(part, is_pretokenized, argument);
        return Ok((held(&parts[0])?, Some(held(&parts[1])?)));
    }
    if is_pretokenized {
        return Ok((Held::Words(parts), None));
    }
    Err(wrong_type(object, argument, TEXT_OR_PAIR))
}
