//! `NormalizedString` as a Python object; offsets are in characters.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use ferrolm_tokenizer::normalized::{self, SplitBehavior};
use ferrolm_tokenizer::pattern::Source;
use ferrolm_tokenizer::unicode::forms::Form;
use pyo3::prelude::*;
use pyo3::types::{PySlice, PyString};

use super::pattern::pattern;
use super::text::{text, wrong_type};
use crate::errors::{Kind, ToPyErr};

/// A text and what normalization made of it.
///
/// >>> from ferrolm.tokenizers import NormalizedString
/// >>> text = NormalizedString("Ａ ｂ")
/// >>> text.nfkc()
/// >>> text.lowercase()
/// >>> text
/// NormalizedString(original="Ａ ｂ", normalized="a b")
/// >>> text[2:3].original
/// 'ｂ'
#[pyclass(frozen, module = "ferrolm.tokenizers")]
pub struct NormalizedString(Mutex<Option<normalized::NormalizedString>>);

impl NormalizedString {
    pub fn of(text: normalized::NormalizedString) -> Self {
        Self(Mutex::new(Some(text)))
    }

    /// Call `function` with an object that stands for `text` and changes it; once the call is over the object can no
    /// longer be used.
    pub fn lend(
        py: Python<'_>,
        text: &mut normalized::NormalizedString,
        function: impl FnOnce(&Bound<'_, Self>) -> PyResult<()>,
    ) -> PyResult<()> {
        let object = Bound::new(py, Self::of(text.clone()))?;
        let result = function(&object);
        let changed = object.get().0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(changed) = changed {
            *text = changed;
        }
        result
    }

    /// What the object holds; parts are shared, not copied.
    pub fn text(&self) -> PyResult<normalized::NormalizedString> {
        self.with(|text| text.clone())
    }

    /// Change the text by what may call Python; no lock is held meanwhile, and nothing changes if it fails.
    pub fn change(
        &self,
        change: impl FnOnce(&mut normalized::NormalizedString) -> PyResult<()>,
    ) -> PyResult<()> {
        let mut text = self.text()?;
        change(&mut text)?;
        self.with(|held| *held = text)
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut normalized::NormalizedString) -> T) -> PyResult<T> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The wording is the reference's, which users' tests look for.
        held.as_mut().map(use_it).ok_or_else(|| {
            Kind::InvalidArgumentError.error("Cannot use a NormalizedStringRefMut outside `normalize`")
        })
    }

    /// Change the text by a Python function of its characters. No lock is held while that runs.
    fn with_answers<T>(
        &self,
        function: &Bound<'_, PyAny>,
        expected: &str,
        answer: impl Fn(Bound<'_, PyAny>) -> PyResult<T>,
        change: impl FnOnce(&mut normalized::NormalizedString, std::vec::IntoIter<T>),
    ) -> PyResult<()> {
        if !function.is_callable() {
            return Err(wrong_type(function, "func", expected));
        }
        let mut text = self.text()?;
        let call = |character: char| answer(function.call1((character,))?);
        let answers: Vec<T> = text.get().chars().map(call).collect::<PyResult<_>>()?;
        change(&mut text, answers.into_iter());
        self.with(|held| *held = text)
    }
}

fn behavior(name: &str) -> PyResult<SplitBehavior> {
    Ok(match name {
        "removed" => SplitBehavior::Removed,
        "isolated" => SplitBehavior::Isolated,
        "merged_with_previous" => SplitBehavior::MergedWithPrevious,
        "merged_with_next" => SplitBehavior::MergedWithNext,
        "contiguous" => SplitBehavior::Contiguous,
        _ => {
            return Err(Kind::InvalidArgumentError.error(format!(
                "behavior: found {name:?}, expected \"removed\", \"isolated\", \"merged_with_previous\", \
                 \"merged_with_next\" or \"contiguous\""
            )));
        }
    })
}

/// The matches in a text; a `str` that is empty matches nowhere.
fn matches(
    object: &Bound<'_, PyAny>,
    text: &normalized::NormalizedString,
) -> PyResult<Vec<(Range<usize>, bool)>> {
    let pattern = pattern(object, "pattern")?;
    if matches!(pattern.source(), Source::Literal(wanted) if wanted.is_empty()) {
        return Ok(vec![(0..text.len(), false)]);
    }
    pattern.find_all(text.get()).map_err(ToPyErr::to_py_err)
}

/// What slices a text: a character, (start, end), or a slice whose step has no effect.
#[derive(FromPyObject)]
enum PythonRange<'py> {
    Character(isize),
    Range(usize, usize),
    Slice(Bound<'py, PySlice>),
}

impl PythonRange<'_> {
    /// Start and end, and how many characters that are. As in the reference a negative number counts back from the
    /// length *in bytes*, and a range that runs backwards goes on to the end.
    fn resolve(&self, bytes: usize) -> PyResult<(usize, usize)> {
        let (start, end) = match self {
            Self::Character(at) => {
                let start =
                    if *at < 0 { bytes.checked_sub(at.unsigned_abs()) } else { Some(at.unsigned_abs()) };
                let start = start.ok_or_else(|| {
                    Kind::InvalidArgumentError.error(format!("range: found {at}, expected at least -{bytes}"))
                })?;
                (start, start.saturating_add(1))
            }
            Self::Range(start, end) => (*start, *end),
            Self::Slice(slice) => {
                let indices = slice.indices(isize::try_from(bytes).unwrap_or(isize::MAX))?;
                (indices.start.max(0).unsigned_abs(), indices.stop.max(0).unsigned_abs())
            }
        };
        Ok((start, end.checked_sub(start).unwrap_or(usize::MAX)))
    }
}

/// The bytes of `count` characters from character `start` on; None where no character starts there, but for 0..0.
fn bytes_of(text: &str, start: usize, count: usize) -> Option<Range<usize>> {
    if (start, count) == (0, 0) {
        return Some(0..0);
    }
    let mut rest = text.char_indices().skip(start);
    if count == 0 {
        return rest.next().map(|(at, _)| at..at);
    }
    let mut found: Option<Range<usize>> = None;
    for (at, character) in rest.take(count) {
        let end = at + character.len_utf8();
        found = Some(found.map_or(at, |range| range.start)..end);
    }
    found
}

#[pymethods]
impl NormalizedString {
    #[new]
    fn new(sequence: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text = text(sequence, "sequence")?;
        let (found, limit) = (text.len(), normalized::NormalizedString::MAX_BYTES);
        if found > limit {
            let message = format!("sequence: {found} bytes are beyond the limit of {limit}");
            return Err(Kind::LimitError.error(message));
        }
        Ok(Self::of(normalized::NormalizedString::new(text)))
    }

    /// The normalized form.
    #[getter]
    fn normalized(&self) -> PyResult<String> {
        self.with(|text| text.get().to_owned())
    }

    /// The original text.
    #[getter]
    fn original(&self) -> PyResult<String> {
        self.with(|text| text.original().to_owned())
    }

    /// Apply the normal form NFD.
    fn nfd(&self) -> PyResult<()> {
        self.with(|text| text.to_form(Form::Nfd))
    }

    /// Apply the normal form NFKD.
    fn nfkd(&self) -> PyResult<()> {
        self.with(|text| text.to_form(Form::Nfkd))
    }

    /// Apply the normal form NFC.
    fn nfc(&self) -> PyResult<()> {
        self.with(|text| text.to_form(Form::Nfc))
    }

    /// Apply the normal form NFKC.
    fn nfkc(&self) -> PyResult<()> {
        self.with(|text| text.to_form(Form::Nfkc))
    }

    /// To lower case.
    fn lowercase(&self) -> PyResult<()> {
        self.with(normalized::NormalizedString::lowercase)
    }

    /// To upper case.
    fn uppercase(&self) -> PyResult<()> {
        self.with(normalized::NormalizedString::uppercase)
    }

    /// Put `s` before a text that is not empty.
    fn prepend(&self, s: &Bound<'_, PyAny>) -> PyResult<()> {
        let new = text(s, "s")?;
        self.with(|text| text.prepend(new))
    }

    /// Put `s` after the text.
    fn append(&self, s: &Bound<'_, PyAny>) -> PyResult<()> {
        let new = text(s, "s")?;
        self.with(|text| text.append(new))
    }

    /// Remove white space at the start.
    fn lstrip(&self) -> PyResult<()> {
        self.with(normalized::NormalizedString::lstrip)
    }

    /// Remove white space at the end.
    fn rstrip(&self) -> PyResult<()> {
        self.with(normalized::NormalizedString::rstrip)
    }

    /// Remove white space at both ends.
    fn strip(&self) -> PyResult<()> {
        self.with(normalized::NormalizedString::strip)
    }

    /// Make the normalized form empty.
    fn clear(&self) -> PyResult<()> {
        self.with(|text| {
            text.clear();
        })
    }

    /// The part of these characters of the normalized form, or None if they are not there.
    fn slice(&self, range: PythonRange<'_>) -> PyResult<Option<Self>> {
        let text = self.text()?;
        let (start, count) = range.resolve(text.len())?;
        let slice = |range| text.get_slice(range);
        Ok(bytes_of(text.get(), start, count).and_then(slice).map(Self::of))
    }

    fn __getitem__(&self, range: PythonRange<'_>) -> PyResult<Option<Self>> {
        self.slice(range)
    }

    /// Keep the characters for which `func(character)` is true.
    fn filter(&self, func: &Bound<'_, PyAny>) -> PyResult<()> {
        let answer = |answer: Bound<'_, PyAny>| {
            answer.extract::<bool>().map_err(|_| wrong_type(&answer, "what func returned", "bool"))
        };
        self.with_answers(func, "a function of a character that returns a bool", answer, |text, mut kept| {
            text.filter(|_| kept.next().unwrap_or(true));
        })
    }

    /// Call `func(character)` for every character.
    fn for_each(&self, func: &Bound<'_, PyAny>) -> PyResult<()> {
        self.with_answers(func, "a function of a character", |_| Ok(()), |_, _| {})
    }

    /// Replace every character by `func(character)`, a character.
    fn map(&self, func: &Bound<'_, PyAny>) -> PyResult<()> {
        let answer = |answer: Bound<'_, PyAny>| {
            let new = text(&answer, "what func returned")?.chars().next();
            new.ok_or_else(|| {
                Kind::InvalidArgumentError.error("what func returned: found \"\", expected a character")
            })
        };
        self.with_answers(func, "a function of a character that returns one", answer, |text, mut new| {
            text.map(|character| new.next().unwrap_or(character));
        })
    }

    /// The parts between the matches of `pattern`, a str or a Regex; `behavior` says what becomes of the matches:
    /// "removed", "isolated", "`merged_with_previous`", "`merged_with_next`" or "contiguous".
    fn split(&self, pattern: &Bound<'_, PyAny>, behavior: &str) -> PyResult<Vec<Self>> {
        let behavior = self::behavior(behavior)?;
        let text = self.text()?;
        Ok(text.split(&matches(pattern, &text)?, behavior).into_iter().map(Self::of).collect())
    }

    /// Replace every match of `pattern`, a str or a Regex, by `content`.
    fn replace(&self, pattern: &Bound<'_, PyAny>, content: &Bound<'_, PyAny>) -> PyResult<()> {
        let new = text(content, "content")?;
        let found = matches(pattern, &self.text()?)?;
        self.with(|text| text.replace(&found, new))
    }

    fn __copy__(&self) -> PyResult<Self> {
        self.text().map(Self::of)
    }

    fn __deepcopy__(&self, _memo: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.__copy__()
    }

    fn __repr__(&self) -> PyResult<String> {
        self.with(|text| {
            format!("NormalizedString(original=\"{}\", normalized=\"{}\")", text.original(), text.get())
        })
    }

    fn __str__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        self.with(|text| PyString::new(py, text.get()))
    }
}
