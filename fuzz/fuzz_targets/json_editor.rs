#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| buckler_fuzz::json_editor(data));
