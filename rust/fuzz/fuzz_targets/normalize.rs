#![no_main]

#[path = "../src/decode.rs"]
#[allow(dead_code, reason = "other targets")]
mod decode;
#[path = "../src/families.rs"]
mod families;

libfuzzer_sys::fuzz_target!(|data: &[u8]| decode::normalize(data));
