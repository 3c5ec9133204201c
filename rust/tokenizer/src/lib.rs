//! Text to ids and back: byte-level BPE as `tokenizer.json` files describe it.
//!
//! - [`split`]: cutting text into pieces, by hand-written automata instead of a regex engine
//! - [`byte_level`]: the byte/character map of GPT-2
//! - [`unicode`]: character classes, pinned to the Unicode version of the reference engine
//! - [`train`]: learning a vocabulary from text

pub mod byte_level;
pub mod split;
pub mod train;
pub mod unicode;
