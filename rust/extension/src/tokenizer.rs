//! Bindings of `ferrolm-tokenizer`.

use pyo3::prelude::*;

mod class;
mod decoder;
mod encoding;
mod ids;
mod model;
mod names;
mod normalized;
mod normalizer;
mod numbers;
mod pattern;
mod post_processor;
mod pre_tokenized;
mod pre_tokenizer;
mod ranks;
mod text;

pub use class::Tokenizer;
pub use model::Model;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<class::Tokenizer>()?;
    module.add_class::<encoding::Encoding>()?;
    module.add_class::<model::Model>()?;
    module.add_class::<normalized::NormalizedString>()?;
    module.add_class::<normalizer::Normalizer>()?;
    module.add_class::<pattern::Regex>()?;
    module.add_class::<pre_tokenized::PreTokenizedString>()?;
    module.add_class::<pre_tokenized::Token>()?;
    module.add_class::<pre_tokenizer::PreTokenizer>()?;
    module.add_class::<post_processor::PostProcessor>()?;
    module.add_class::<decoder::Decoder>()?;
    module.add_class::<decoder::DecodeStream>()?;
    module.add_class::<ranks::RankEncoding>()?;
    module.add_function(wrap_pyfunction!(model::byte_level_alphabet, module)?)?;
    module.add_function(wrap_pyfunction!(model::read_vocab_json, module)?)?;
    module.add_function(wrap_pyfunction!(model::read_vocab_txt, module)?)?;
    module.add_function(wrap_pyfunction!(model::read_merges, module)?)
}
