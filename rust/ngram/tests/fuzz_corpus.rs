//! The corpus of the fuzz targets of n-grams (see rust/fuzz), replayed without a fuzzer.

#![expect(clippy::unwrap_used, reason = "what is wrong has to panic here")]

#[path = "../../fuzz/src/ngram.rs"]
mod targets;

use std::path::Path;

fn replay(target: fn(&[u8]), name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        target(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 5, "{name} has {count} files");
}

#[test]
fn models() {
    replay(targets::model, "ngram_model");
}

#[test]
fn counts() {
    replay(targets::counts, "ngram_counts");
}

#[test]
fn texts() {
    replay(targets::text, "ngram_text");
}
