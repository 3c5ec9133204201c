#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrolm_fuzz::load_formats(data));
