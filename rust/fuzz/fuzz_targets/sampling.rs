#![no_main]

#[path = "../src/bytes.rs"]
#[allow(dead_code, reason = "other targets")]
mod bytes;
#[path = "../src/sampling.rs"]
#[allow(dead_code, reason = "other targets")]
mod sampling;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sampling::sampling(data));
