#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrox_fuzz::properties::documents::hold(data));
