#![no_main]

#[path = "../src/vectors.rs"]
#[expect(dead_code, reason = "other targets")]
mod vectors;

libfuzzer_sys::fuzz_target!(|data: &[u8]| vectors::vectors(data));
