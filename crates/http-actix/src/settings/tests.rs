//! What is told of bad settings, and what is never told.

use clap::{CommandFactory, FromArgMatches, Parser, builder::Resettable};

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    serve: ServeArgs,
}

const DATABASE: &str = "--database-url=postgres://balcao:hunter2@localhost/balcao";
const SECRET: &str = "--jwt-secret=0123456789abcdef0123456789abcdef";

/// Reads flags alone: what this process has in its environment is none of these tests' business.
fn check(flags: &[&str]) -> Result<Settings, BadSettings> {
    let command = Line::command().mut_args(|arg| arg.env(Resettable::Reset));
    let matches = command.get_matches_from(["serve"].iter().chain(flags));
    Line::from_arg_matches(&matches).unwrap().serve.check()
}

#[test]
fn a_database_and_a_secret_are_enough() {
    let settings = check(&[DATABASE, SECRET]).unwrap();
    assert_eq!(settings.http.addr.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.jwt.ttl, Duration::from_mins(15));
    assert_eq!(settings.passwords.cost, 12);
    assert!(settings.redis.is_none());
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let bad = check(&[
        "--jwt-secret=short",
        "--http-addr=nowhere",
        "--bcrypt-cost=3",
        "--redis-url=http://localhost",
        "--redis-timeout-ms=soon",
    ]);
    let told = bad.unwrap_err().to_string();
    for name in [
        "DATABASE_URL is missing",
        "JWT_SECRET has 5 bytes",
        "HTTP_ADDR",
        "BCRYPT_COST",
        "REDIS_URL",
        "REDIS_TIMEOUT_MS",
    ] {
        assert!(told.contains(name), "{name} in {told}");
    }
}

#[test]
fn no_secret_is_printed() {
    let settings = check(&[DATABASE, SECRET]).unwrap();
    assert!(!format!("{:?}", settings.jwt).contains("0123456789abcdef"));
    assert!(!format!("{settings:?}").contains("hunter2"));
    let bad = check(&["--database-url=postgres:hunter2", SECRET]).unwrap_err();
    assert!(!bad.to_string().contains("hunter2"));
}
