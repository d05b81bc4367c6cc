#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| buckler_fuzz::response_filter(data));
