//! Patterns from Python: a `str` is looked for as it is, a `Regex` as what it matches.

use ferrolm_tokenizer::pattern::{Pattern, Source};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::text::{text, wrong_type};
use crate::errors::ToPyErr;

/// A regular expression with the syntax of Oniguruma, for `Split` and `Replace`.
///
/// ```text
/// >>> from ferrolm.tokenizers import NormalizedString, Regex
/// >>> [part.normalized for part in NormalizedString("one, two").split(Regex(r",\s*"), "removed")]
/// ['one', 'two']
///
/// ```
#[pyclass(frozen, module = "ferrolm.tokenizers")]
pub struct Regex(Pattern);

#[pymethods]
impl Regex {
    #[new]
    fn new(s: &str) -> PyResult<Self> {
        Pattern::regex(s).map(Self).map_err(ToPyErr::to_py_err)
    }

    /// The expression.
    #[getter]
    fn pattern(&self) -> &str {
        match self.0.source() {
            Source::Literal(text) | Source::Regex(text) => text,
        }
    }

    fn __getnewargs__(&self) -> (String,) {
        (self.pattern().to_owned(),)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Regex({})", PyString::new(py, self.pattern()).repr()?))
    }
}

/// The pattern of a `str` or a [`Regex`].
pub fn pattern(object: &Bound<'_, PyAny>, argument: &str) -> PyResult<Pattern> {
    if let Ok(regex) = object.cast::<Regex>() {
        return Ok(regex.get().0.clone());
    }
    if object.is_instance_of::<PyString>() {
        return Ok(Pattern::literal(text(object, argument)?));
    }
    Err(wrong_type(object, argument, "str or Regex"))
}
