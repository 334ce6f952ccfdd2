#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kinto_fuzz::run("compressed", bytes));
