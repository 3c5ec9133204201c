//! The corpus of the fuzz targets of text (see rust/fuzz), replayed without a fuzzer.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what is wrong has to panic here")]

#[path = "../../fuzz/src/html.rs"]
mod html;
#[path = "../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../fuzz/src/seen.rs"]
mod seen;
#[path = "../../fuzz/src/text.rs"]
mod text;

use replay::replay;

#[test]
fn pages() {
    replay(html::page, "html", 5);
}

#[test]
fn seen_texts() {
    replay(seen::seen, "seen_texts", 8);
}

#[test]
fn texts() {
    replay(text::text, "text", 5);
}
