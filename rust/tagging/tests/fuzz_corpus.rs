//! The corpus of the fuzz targets of taggers (see rust/fuzz), replayed without a fuzzer.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what is wrong has to panic here")]

#[path = "../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../fuzz/src/tagger.rs"]
mod tagger;

use replay::replay;

#[test]
fn taggers() {
    replay(tagger::tagger, "tagger", 3);
}
