//! The corpus of the fuzz targets of tokenizers (see rust/fuzz), replayed without a fuzzer.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what is wrong has to panic here")]

#[path = "../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../fuzz/src/tokenizer.rs"]
mod tokenizer;

use replay::replay;

#[test]
fn load_tokenizer() {
    replay(tokenizer::load_tokenizer, "load_tokenizer", 64);
}

#[test]
fn load_formats() {
    replay(tokenizer::load_formats, "load_formats", 12);
}

#[test]
fn encode() {
    replay(tokenizer::encode, "encode", 39);
}

#[test]
fn pattern() {
    replay(tokenizer::pattern, "pattern", 30);
}

#[test]
fn decode() {
    replay(tokenizer::decode, "decode", 8);
}

#[test]
fn normalize() {
    replay(tokenizer::normalize, "normalize", 10);
}
