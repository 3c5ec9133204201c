//! The corpus of the fuzz targets of attention (see rust/fuzz), replayed without a fuzzer.

#![expect(clippy::unwrap_used, reason = "what is wrong has to panic here")]

#[path = "../../fuzz/src/attention.rs"]
mod attention;
#[path = "../../fuzz/src/bytes.rs"]
#[expect(dead_code, reason = "other targets")]
mod bytes;
#[path = "../../fuzz/src/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn calls() {
    replay(attention::attention, "attention", 9);
}

#[test]
fn products_of_weights() {
    replay(attention::linear, "linear", 8);
}
