//! Calls [`http_actix::fuzzing::idempotency_keys`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_actix::fuzzing::idempotency_keys(bytes));
