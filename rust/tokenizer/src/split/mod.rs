//! Cutting text into the pieces that merging never crosses (pre-tokens), without a regex engine.

pub mod gpt2;
