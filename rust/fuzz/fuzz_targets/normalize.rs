#![no_main]

#[path = "../src/tokenizer.rs"]
#[allow(dead_code, unused_imports, reason = "other targets")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::normalize(data));
