//! The Python module `ferrolm._rust`: conversion between Python objects and the crates, and nothing else.
//!
//! One file per crate, each with a `register` function. A binding extracts its arguments, calls the crate inside
//! [`enter::enter`] or [`enter::enter_brief`], and converts the result.

#![allow(clippy::needless_pass_by_value, reason = "arguments that PyO3 extracts are owned")]

use pyo3::prelude::*;

mod activation;
mod attention;
mod attention_forms;
mod attention_gradients;
mod base;
mod decoder;
mod embedding;
mod enter;
mod errors;
mod glove;
mod linear;
mod ngram;
mod ngram_external;
mod ngram_matrices;
mod ngram_reading;
mod ngram_uses;
mod phrases;
mod sampling;
mod sampling_choices;
mod sampling_params;
mod tagging;
mod text_duplicates;
mod text_html;
mod text_words;
mod tokenizer;
mod train;
mod unsafe_buffers;
mod unsafe_integers;
mod unsafe_interpreter;
mod unsafe_lists;
mod unsafe_sequences;
mod unsafe_shown;
mod unsafe_views;
mod vectors;
mod word2vec;

#[pymodule(gil_used = false)]
fn _rust(module: &Bound<'_, PyModule>) -> PyResult<()> {
    if !unsafe_interpreter::is_main(module.py()) {
        return Err(pyo3::exceptions::PyImportError::new_err(
            "ferrolm works in the main interpreter of a process, not in others beside it: use threads or processes",
        ));
    }
    base::register(module)?;
    tokenizer::register(module)?;
    train::register(module)?;
    ngram::register(module)?;
    ngram_external::register(module)?;
    ngram_matrices::register(module)?;
    ngram_reading::register(module)?;
    ngram_uses::register(module)?;
    linear::register(module)?;
    decoder::register(module)?;
    activation::register(module)?;
    sampling::register(module)?;
    sampling_choices::register(module)?;
    attention::register(module)?;
    attention_gradients::register(module)?;
    attention_forms::register(module)?;
    embedding::register(module)?;
    word2vec::register(module)?;
    phrases::register(module)?;
    glove::register(module)?;
    vectors::register(module)?;
    text_duplicates::register(module)?;
    text_html::register(module)?;
    text_words::register(module)?;
    tagging::register(module)?;
    // The package decides what is public, not this module.
    module.delattr("__all__")
}
