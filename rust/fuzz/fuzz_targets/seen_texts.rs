#![no_main]

#[path = "../src/seen.rs"]
mod seen;

libfuzzer_sys::fuzz_target!(|data: &[u8]| seen::seen(data));
