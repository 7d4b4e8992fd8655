//! Calls [`http_actix::fuzzing::cursors`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_actix::fuzzing::cursors(bytes));
