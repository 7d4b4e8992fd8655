//! Calls [`http_actix::fuzzing::request_ids`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_actix::fuzzing::request_ids(bytes));
