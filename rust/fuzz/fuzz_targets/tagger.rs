#![no_main]

#[path = "../src/tagger.rs"]
mod tagger;

libfuzzer_sys::fuzz_target!(|data: &[u8]| tagger::tagger(data));
