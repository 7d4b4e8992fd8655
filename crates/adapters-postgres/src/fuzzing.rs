//! What must hold whatever the URL of the database is. Fuzzers call this (`tests/fuzz`), and the unit
//! tests here with every input that is kept there. It lives in the crate because the parser does not
//! leave it.

#![expect(clippy::unwrap_used, reason = "what does not hold is a panic")]

use std::fmt::Write as _;

use tokio_postgres::Config;

use crate::{
    DatabaseSettings,
    tls::{self, Parameters},
};

/// A password that no other part of a URL looks like.
const PASSWORD: &str = "correct-horse-battery";

/// The first line is a password, the rest what comes behind the host. No refusal prints a password, and
/// taking the parameters of TLS out of a URL changes nothing else in it.
pub fn database_urls(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let (given, rest) = text.split_once('\n').unwrap_or(("", text));
    let password: String = given.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02X}").unwrap();
        text
    });
    let url = format!("postgres://balcao:{password}@{rest}");
    let (without, found) = tls::parameters(&url);
    let (again, none) = tls::parameters(&without);
    assert_eq!(again, without, "something was left in it");
    assert!(none.mode.is_none() && !names_files(&none), "{without}");
    if found.mode.is_none() && !names_files(&found) {
        assert_eq!(without.parse::<Config>().ok(), url.parse::<Config>().ok());
    }
    if let Ok(config) = without.parse::<Config>()
        && !given.is_empty()
        && !rest.contains("password")
        && !rest.contains('@')
    {
        assert_eq!(config.get_password(), Some(given.as_bytes()));
    }
    for url in [
        format!("postgres://balcao:{PASSWORD}@{rest}"),
        format!("{given}:{PASSWORD}@{rest}"),
        format!("host=localhost password={PASSWORD} {rest}"),
    ] {
        // Files are not opened here: their names are made up.
        if !names_files(&tls::parameters(&url).1)
            && let Err(error) = DatabaseSettings::parse(&url, 8)
        {
            assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error}");
        }
    }
}

fn names_files(parameters: &Parameters) -> bool {
    let Parameters {
        root,
        certificate,
        key,
        ..
    } = parameters;
    [root, certificate, key].into_iter().any(Option::is_some)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn what_is_kept_for_fuzzers_holds() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
        for file in fs::read_dir(corpora.join("database_urls")).unwrap() {
            database_urls(&fs::read(file.unwrap().path()).unwrap());
        }
    }
}
