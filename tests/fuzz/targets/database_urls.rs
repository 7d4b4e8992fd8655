//! Calls [`adapters_postgres::fuzzing::database_urls`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| adapters_postgres::fuzzing::database_urls(bytes));
