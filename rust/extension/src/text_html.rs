//! Bindings of `ferrolm_text::html`: pages to text.

use ferrolm_text::html::{self, Format, Metadata, Options};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use crate::enter::{enter, enter_brief};
use crate::errors::ToPyErr;
use crate::unsafe_sequences::List;

/// Bytes of a page that takes some milliseconds.
const BRIEF: usize = 1 << 18;

fn options(main_content: bool, markdown: bool) -> Options {
    Options { main_content, format: if markdown { Format::Markdown } else { Format::Text } }
}

#[pyfunction]
fn clean_html(py: Python<'_>, page: PyBackedStr, main_content: bool, markdown: bool) -> PyResult<String> {
    let options = options(main_content, markdown);
    let text = if page.len() <= BRIEF {
        enter_brief(py, |cancel| html::clean(&page, options, cancel))
    } else {
        enter(py, |cancel| html::clean(&page, options, cancel))?
    };
    text.map_err(ToPyErr::to_py_err)
}

#[pyfunction]
fn clean_html_batch(
    py: Python<'_>,
    pages: List<PyBackedStr>,
    main_content: bool,
    markdown: bool,
) -> PyResult<Vec<String>> {
    let options = options(main_content, markdown);
    enter(py, |cancel| html::clean_all(&pages, options, cancel))?.map_err(ToPyErr::to_py_err)
}

/// Title, language, description, author, date and site.
type Fields =
    (Option<String>, Option<String>, Option<String>, Option<String>, Option<String>, Option<String>);

#[pyfunction]
fn html_metadata(py: Python<'_>, page: PyBackedStr) -> PyResult<Fields> {
    let found = enter(py, |cancel| html::metadata(&page, cancel))?.map_err(ToPyErr::to_py_err)?;
    let Metadata { title, language, description, author, date, site } = found;
    Ok((title, language, description, author, date, site))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(clean_html, module)?)?;
    module.add_function(wrap_pyfunction!(clean_html_batch, module)?)?;
    module.add_function(wrap_pyfunction!(html_metadata, module)?)
}
