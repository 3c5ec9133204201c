//! Bindings of `ferrolm-tokenizer`.

use pyo3::prelude::*;

mod class;
mod encoding;
mod numbers;
mod parts;
mod text;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<class::Tokenizer>()?;
    module.add_class::<encoding::Encoding>()?;
    module.add_class::<parts::Model>()?;
    module.add_class::<parts::PreTokenizer>()?;
    module.add_class::<parts::PostProcessor>()?;
    module.add_class::<parts::Decoder>()?;
    module.add_class::<parts::DecodeStream>()?;
    module.add_function(wrap_pyfunction!(parts::byte_level_alphabet, module)?)?;
    module.add_function(wrap_pyfunction!(parts::read_vocab_and_merges, module)?)
}
