//! Bindings of `ferrolm-text` for words, quality and personal data.
//!
//! Lone surrogates, which Python's strings may have, are read as replacement characters.

use std::borrow::Cow;
use std::collections::HashSet;

use ferrolm_base::{Cancel, Cancelled};
use ferrolm_text::personal::{Kind as Personal, mask};
use ferrolm_text::quality::{C4, C4Rules, Gopher, named};
use ferrolm_text::segment;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::enter::{enter, enter_brief};
use crate::errors::{Kind, ToPyErr};
use crate::unsafe_sequences::List;

/// Strings longer than this are worth releasing the interpreter for.
const LONG: usize = 1 << 14;

/// The text of a string, borrowed where it can be.
pub fn text<'a>(string: &'a Bound<'_, PyString>) -> Cow<'a, str> {
    string.to_string_lossy()
}

/// Work on one text, away from the interpreter if the text is long.
pub fn on_text<T: Send>(py: Python<'_>, text: &str, work: impl FnOnce(&str) -> T + Send) -> PyResult<T> {
    match text.len() {
        ..LONG => Ok(work(text)),
        length if length < 64 * LONG => Ok(enter_brief(py, |_| work(text))),
        _ => enter(py, |_| work(text)),
    }
}

/// Work on each of many texts, in parallel; looks at the cancel flag before each.
fn on_texts<T: Send>(
    py: Python<'_>,
    texts: &[Bound<'_, PyString>],
    work: impl Fn(&str) -> T + Sync,
) -> PyResult<Vec<T>> {
    let texts: Vec<_> = texts.iter().map(text).collect();
    let each = |text: &str, cancel: &Cancel| cancel.check().map(|()| work(text));
    let done: Result<Vec<T>, Cancelled> =
        enter(py, |cancel| ferrolm_text::each(&texts, |text| each(text, cancel)))?;
    done.map_err(Cancelled::to_py_err)
}

/// The words of each text, in scripts that are written without spaces by a dictionary.
#[pyfunction]
fn segment_words(py: Python<'_>, texts: List<Bound<'_, PyString>>) -> PyResult<Vec<Vec<String>>> {
    let split = |text: &str| -> Vec<String> {
        segment::words(text).filter_map(|range| text.get(range).map(str::to_owned)).collect()
    };
    let total: usize = texts.iter().map(|text| text.len().unwrap_or(0)).sum();
    if total < LONG {
        return Ok(texts.iter().map(|string| split(&text(string))).collect());
    }
    on_texts(py, &texts, split)
}

/// The rules of Gopher, as limits on the statistics of a document.
#[pyclass(frozen, module = "ferrolm._rust")]
struct GopherFilter(Gopher);

#[pymethods]
impl GopherFilter {
    #[new]
    fn new(limits: List<(String, f64)>, stop_words: HashSet<String>, segmented: bool) -> PyResult<Self> {
        let gopher = Gopher::new(&limits, stop_words, segmented);
        gopher.map(Self).map_err(|error| Kind::UnknownNameError.error(error.to_string()))
    }

    fn statistics(
        &self,
        py: Python<'_>,
        document: Bound<'_, PyString>,
    ) -> PyResult<Vec<(&'static str, f64)>> {
        on_text(py, &text(&document), |text| named(&self.0.statistics(text)))
    }

    fn violations(&self, py: Python<'_>, document: Bound<'_, PyString>) -> PyResult<Vec<&'static str>> {
        on_text(py, &text(&document), |text| self.0.violations(text))
    }

    fn violations_all(
        &self,
        py: Python<'_>,
        documents: List<Bound<'_, PyString>>,
    ) -> PyResult<Vec<Vec<&'static str>>> {
        on_texts(py, &documents, |text| self.0.violations(text))
    }
}

type Cleaned = (Option<String>, Vec<&'static str>);

/// The rules of C4, which take lines out of pages, or pages away.
#[pyclass(frozen, module = "ferrolm._rust")]
struct C4Filter(C4);

impl C4Filter {
    fn cleaned(&self, text: &str) -> Cleaned {
        match self.0.clean(text) {
            Ok(text) => (Some(text), Vec::new()),
            Err(reasons) => (None, reasons),
        }
    }
}

#[pymethods]
impl C4Filter {
    #[new]
    #[pyo3(signature = (*, min_sentences, min_line_words, max_word_length, terminal_punctuation, javascript, policy, lorem_ipsum, curly_bracket, citations, segmented, bad_words))]
    #[expect(clippy::too_many_arguments, reason = "the rules, one by one")]
    fn new(
        min_sentences: usize,
        min_line_words: usize,
        max_word_length: usize,
        terminal_punctuation: String,
        javascript: bool,
        policy: bool,
        lorem_ipsum: bool,
        curly_bracket: bool,
        citations: bool,
        segmented: bool,
        bad_words: List<String>,
    ) -> Self {
        let rules = C4Rules {
            min_sentences,
            min_line_words,
            max_word_length,
            terminal_punctuation,
            javascript,
            policy,
            lorem_ipsum,
            curly_bracket,
            citations,
            segmented,
        };
        Self(C4::new(rules, &bad_words))
    }

    fn clean(&self, py: Python<'_>, document: Bound<'_, PyString>) -> PyResult<Cleaned> {
        on_text(py, &text(&document), |text| self.cleaned(text))
    }

    fn clean_all(&self, py: Python<'_>, documents: List<Bound<'_, PyString>>) -> PyResult<Vec<Cleaned>> {
        on_texts(py, &documents, |text| self.cleaned(text))
    }
}

/// A text with personal data of the given kinds replaced, or nothing if it has none.
#[pyfunction]
fn mask_personal_data(
    py: Python<'_>,
    document: Bound<'_, PyString>,
    kinds: List<(String, String)>,
) -> PyResult<Option<String>> {
    let known = kinds.iter().filter_map(|(name, holder)| Some((Personal::from_name(name)?, holder.as_str())));
    let holders: Vec<(Personal, &str)> = known.collect();
    let asked: Vec<Personal> = holders.iter().map(|&(kind, _)| kind).collect();
    let holder = |kind| holders.iter().find(|&&(other, _)| other == kind).map_or("", |&(_, holder)| holder);
    on_text(py, &text(&document), |text| mask(text, &asked, holder))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<GopherFilter>()?;
    module.add_class::<C4Filter>()?;
    module.add_function(wrap_pyfunction!(segment_words, module)?)?;
    module.add_function(wrap_pyfunction!(mask_personal_data, module)?)
}
