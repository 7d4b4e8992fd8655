//! Calls [`http_actix::fuzzing::traceparents`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_actix::fuzzing::traceparents(bytes));
