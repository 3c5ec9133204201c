#![no_main]

#[path = "../src/ngram.rs"]
#[expect(dead_code, reason = "other targets")]
mod ngram;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ngram::model(data));
