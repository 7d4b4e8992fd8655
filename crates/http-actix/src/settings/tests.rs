//! Which faults of settings are reported, which secrets never are, and whether the README has every
//! setting.

use std::{collections::BTreeSet, time::Duration};

use clap::{CommandFactory, FromArgMatches, Parser, builder::Resettable};

use super::*;

const README: &str = include_str!("../../../../README.md");

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    serve: ServeArgs,
}

const DATABASE: &str = "--database-url=postgres://balcao:hunter2@localhost/balcao";
const SECRET: &str = "--jwt-secret=0123456789abcdef0123456789abcdef";

/// Reads only flags: the environment of this process must not affect the tests.
fn read(flags: &[&str]) -> ServeArgs {
    let command = Line::command().mut_args(|arg| arg.env(Resettable::Reset));
    let matches = command.get_matches_from(["serve"].iter().chain(flags));
    Line::from_arg_matches(&matches).unwrap().serve
}

fn check(flags: &[&str]) -> Result<Settings, BadSettings> {
    read(flags).check()
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
fn everything_that_is_wrong_is_reported_at_once() {
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
        "JWT_SECRET has a secret of 5 bytes",
        "HTTP_ADDR",
        "BCRYPT_COST",
        "REDIS_URL",
        "REDIS_TIMEOUT_MS",
    ] {
        assert!(told.contains(name), "{name} in {told}");
    }
}

#[test]
fn what_is_left_empty_is_as_if_it_were_not_given() {
    let settings = check(&[DATABASE, SECRET, "--redis-url=", "--http-workers="]).unwrap();
    assert!(settings.redis.is_none());
    assert_eq!(settings.http.workers, cores());
    let bad = check(&["--database-url=", "--jwt-secret="]).unwrap_err();
    let told = bad.to_string();
    assert!(told.contains("DATABASE_URL is missing: set it to postgres://"));
    assert!(told.contains("JWT_SECRET is missing: set it to at least 32 random bytes"));
}

#[test]
fn a_number_out_of_its_range_is_reported_with_the_range() {
    let flags = ["--desk-workers=0", "--redis-timeout-ms=10001"];
    let told = check(&[[DATABASE, SECRET], flags].concat()).unwrap_err();
    assert_eq!(
        told.to_string(),
        "these settings must be mended first:\
         \n  REDIS_TIMEOUT_MS is \"10001\", not a whole number from 1 to 10000\
         \n  DESK_WORKERS is \"0\", not a whole number from 1 to 64"
    );
}

/// Each setting has another value than its default, and reaches its own field.
#[test]
fn a_setting_reaches_its_field() {
    let flags = [
        "--desk-workers=3",
        "--desk-max-batch=5",
        "--desk-min-parallel-batch=7",
        "--desk-max-queued=11",
        "--desk-max-lanes=13",
    ];
    let settings = check(&[&[DATABASE, SECRET], &flags[..]].concat()).unwrap();
    let desk = DeskSettings {
        workers: 3,
        max_batch: 5,
        min_parallel_batch: 7,
        max_queued: 11,
        max_lanes: 13,
        patience: time::Duration::milliseconds(1_500),
    };
    assert_eq!(settings.desk, desk);
}

/// A key as OpenSSL writes it, in a file.
fn key_file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let pem = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
        -----END PRIVATE KEY-----\n";
    std::fs::write(&file, pem).unwrap();
    file
}

#[test]
fn a_key_file_takes_the_place_of_the_secret() {
    let file = key_file();
    let key = format!("--jwt-key-file={}", file.path().display());
    let public = |settings: &Settings| settings.jwt.current.public().is_some();
    assert!(public(&check(&[DATABASE, &key]).unwrap()));
    let told = check(&[DATABASE, SECRET, &key]).unwrap_err().to_string();
    assert!(
        told.contains("JWT_SECRET is set, and JWT_KEY_FILE too"),
        "{told}"
    );
    let missing = "--jwt-key-file=/no/such/file";
    let told = check(&[DATABASE, missing]).unwrap_err().to_string();
    assert!(
        told.contains("JWT_KEY_FILE names no file that can be read"),
        "{told}"
    );
    assert!(!told.contains("JWT_SECRET"), "{told}");
    let key_itself = "--jwt-key-file=-----BEGIN PRIVATE KEY----- hunter2";
    let told = check(&[DATABASE, key_itself]).unwrap_err().to_string();
    assert!(!told.contains("hunter2"), "{told}");
    let other = format!("--jwt-key-file={}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
    let told = check(&[DATABASE, &other]).unwrap_err().to_string();
    assert!(
        told.contains("which holds no Ed25519 private key in PEM"),
        "{told}"
    );
}

#[test]
fn keys_of_before_a_rotation_are_lists_and_each_is_as_good_as_the_current_one() {
    let file = key_file();
    let files = format!("--jwt-previous-key-files={}", file.path().display());
    let (first, second) = ("x".repeat(32), "y".repeat(40));
    let secrets = format!("--jwt-previous-secrets={first}, {second},");
    let settings = check(&[DATABASE, SECRET, &secrets, &files]).unwrap();
    assert_eq!(settings.jwt.previous.len(), 3);
    let short = format!("--jwt-previous-secrets={first},hunter2");
    let told = check(&[DATABASE, SECRET, &short]).unwrap_err().to_string();
    assert!(
        told.contains("JWT_PREVIOUS_SECRETS has a secret of 7 bytes"),
        "{told}"
    );
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn no_secret_is_printed() {
    let settings = check(&[DATABASE, SECRET]).unwrap();
    assert!(!format!("{:?}", settings.jwt).contains("0123456789abcdef"));
    assert!(!format!("{settings:?}").contains("hunter2"));
    let bad = check(&["--database-url=postgres:hunter2", SECRET]).unwrap_err();
    assert!(!bad.to_string().contains("hunter2"));
    let redis = "--redis-url=redis://:hunter2@localhost";
    let args = format!("{:?}", read(&[DATABASE, SECRET, redis]));
    assert!(!args.contains("0123456789abcdef") && !args.contains("hunter2"));
}

/// The variables and their defaults in the table of the README.
fn documented() -> BTreeSet<(String, String)> {
    let rows = README.lines();
    let rows = rows.skip_while(|line| !line.starts_with("| variable | default |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut cells = row.split('|').map(|cell| cell.trim().replace('`', ""));
        (cells.nth(1).unwrap(), cells.next().unwrap())
    })
    .collect()
}

/// The variables and their defaults in clap's declarations.
fn declared() -> BTreeSet<(String, String)> {
    let needed = check(&[]).unwrap_err().to_string();
    let command = Line::command();
    let variables = command.get_arguments().filter_map(|arg| {
        let variable = arg.get_env()?.to_str().unwrap().to_owned();
        let value = arg.get_default_values().first().unwrap().to_str().unwrap();
        let help = arg.get_help().unwrap().to_string();
        let calculated = help.split_once("[default: ").map(|(_, text)| text);
        let default = match calculated {
            _ if !value.is_empty() => value,
            Some(text) => text.trim_end_matches(']'),
            None if needed.contains(&format!("{variable} is missing")) => "(needed)",
            None => "(none)",
        };
        Some((variable, default.to_owned()))
    });
    variables.collect()
}

#[test]
fn the_readme_has_every_setting_and_its_default() {
    let (told, declared) = (documented(), declared());
    let wrong: Vec<_> = told.difference(&declared).collect();
    let missing: Vec<_> = declared.difference(&told).collect();
    assert!(
        wrong.is_empty() && missing.is_empty(),
        "README.md has {wrong:?}, which `balcao serve` has not; it lacks {missing:?}"
    );
}

#[test]
fn a_setting_is_reported_under_the_name_of_its_variable() {
    for arg in Line::command().get_arguments() {
        if let Some(variable) = arg.get_env() {
            assert_eq!(
                variable.to_str().unwrap(),
                arg.get_id().as_str().to_uppercase()
            );
        }
    }
}
