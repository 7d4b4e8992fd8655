//! Which URLs name a database, and what they say of its sessions.

use super::*;

#[test]
fn a_url_must_name_a_host() {
    let parse = |url| DatabaseSettings::parse(url, 1).map(|_| ());
    assert!(parse("postgres://balcao:secret@localhost/balcao").is_ok());
    for url in [
        "",
        "localhost:5432",
        "http://localhost",
        "postgres:///balcao",
    ] {
        assert!(
            matches!(parse(url), Err(InvalidDatabaseUrl::Malformed)),
            "{url}"
        );
    }
}

#[test]
fn options_of_the_url_come_last_and_so_win() {
    let url = "postgres://localhost/balcao?options=-c%20statement_timeout%3D1s";
    let session = DatabaseSettings::parse(url, 1).unwrap().session(ROWS_BY_ID);
    let options = session.config.get_options().unwrap();
    assert!(options.starts_with(EVERY_SESSION) && options.ends_with("statement_timeout=1s"));
}
