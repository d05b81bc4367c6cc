#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| buckler_fuzz::limit_text(data));
