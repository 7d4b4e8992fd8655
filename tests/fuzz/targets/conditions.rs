//! Calls [`http_actix::fuzzing::conditions`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_actix::fuzzing::conditions(bytes));
