//! The corpus of the fuzz targets (see rust/fuzz), replayed without a fuzzer.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what is wrong has to panic here")]

#[path = "../../fuzz/src/tokenizer.rs"]
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
fn load_tokenizer() {
    replay(targets::load_tokenizer, "load_tokenizer");
}

#[test]
fn load_formats() {
    replay(targets::load_formats, "load_formats");
}

#[test]
fn encode() {
    replay(targets::encode, "encode");
}

#[test]
fn pattern() {
    replay(targets::pattern, "pattern");
}
