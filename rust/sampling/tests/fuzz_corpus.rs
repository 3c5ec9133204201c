//! The corpus of the fuzz targets of sampling (see rust/fuzz), replayed without a fuzzer.

#![expect(clippy::unwrap_used, reason = "what is wrong has to panic here")]

#[path = "../../fuzz/src/bytes.rs"]
mod bytes;
#[path = "../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../fuzz/src/sampling.rs"]
mod sampling;

use replay::replay;

#[test]
fn draws() {
    replay(sampling::sampling, "sampling", 10);
}
