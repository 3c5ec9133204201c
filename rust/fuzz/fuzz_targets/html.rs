#![no_main]

#[path = "../src/html.rs"]
mod html;

libfuzzer_sys::fuzz_target!(|data: &[u8]| html::page(data));
