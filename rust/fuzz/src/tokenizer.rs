//! What the fuzz targets do with bytes. Each panics where something is wrong.
//!
//! Nothing here needs a fuzzer, so that a test of the tokenizer crate can include this file and replay the corpus.

mod decode;
mod encode;
mod families;
mod load;
mod pattern;

pub use decode::{decode, normalize};
pub use encode::encode;
pub use load::{load_formats, load_tokenizer};
pub use pattern::pattern;
