//! Calls [`http_actix::fuzzing::user_agents`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_actix::fuzzing::user_agents(bytes));
