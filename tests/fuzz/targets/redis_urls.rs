//! Calls [`adapters_redis::fuzzing::redis_urls`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| adapters_redis::fuzzing::redis_urls(bytes));
