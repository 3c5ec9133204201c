//! The corpus of the fuzz targets of n-grams (see rust/fuzz), replayed without a fuzzer.

#![expect(clippy::unwrap_used, reason = "what is wrong has to panic here")]

#[path = "../../fuzz/src/ngram.rs"]
mod ngram;
#[path = "../../fuzz/src/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn models() {
    replay(ngram::model, "ngram_model", 42);
}

#[test]
fn counts() {
    replay(ngram::counts, "ngram_counts", 18);
}

#[test]
fn texts() {
    replay(ngram::text, "ngram_text", 12);
}
