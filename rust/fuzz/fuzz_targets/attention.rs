#![no_main]

#[path = "../src/attention.rs"]
#[allow(dead_code, reason = "other targets")]
mod attention;
#[path = "../src/bytes.rs"]
#[allow(dead_code, reason = "other targets")]
mod bytes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| attention::attention(data));
