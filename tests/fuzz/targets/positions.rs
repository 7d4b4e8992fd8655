//! Calls [`http_actix::fuzzing::positions`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_actix::fuzzing::positions(bytes));
