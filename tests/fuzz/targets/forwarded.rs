//! Calls [`http_actix::fuzzing::forwarded`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_actix::fuzzing::forwarded(bytes));
