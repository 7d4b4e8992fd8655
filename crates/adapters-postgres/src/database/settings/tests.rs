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
fn a_pooler_is_told_no_options() {
    let url = "postgres://localhost/balcao?options=-c%20statement_timeout%3D1s";
    let through = |pooling| DatabaseSettings::parse(url, 1).unwrap().through(pooling);
    assert!(through(Pooling::Direct).is_ok());
    let refused = through(Pooling::Session);
    assert!(matches!(refused, Err(InvalidDatabaseUrl::Options)));
}

#[test]
fn of_several_hosts_the_one_that_can_be_written_to_is_taken() {
    let attrs = |url| {
        let settings = DatabaseSettings::parse(url, 1).unwrap();
        settings.config.get_target_session_attrs()
    };
    let hosts = "postgres://localhost:5432,localhost:5433/balcao";
    assert_eq!(attrs(hosts), TargetSessionAttrs::ReadWrite);
    let read_only = "postgres://a,b/balcao?target_session_attrs=read-only";
    assert_eq!(attrs(read_only), TargetSessionAttrs::ReadOnly);
    // A standby can be exported from.
    let one = "postgres://localhost/balcao";
    assert_eq!(attrs(one), TargetSessionAttrs::Any);
}

#[test]
fn a_standby_is_one() {
    let standby = |url| DatabaseSettings::parse(url, 1).unwrap().into_standby();
    assert!(standby("postgres://balcao@standby/balcao").is_ok());
    assert!(matches!(
        standby("postgres://balcao@standby-1,standby-2/balcao"),
        Err(InvalidDatabaseUrl::SeveralStandbys)
    ));
    assert!(matches!(
        standby("postgres://balcao@standby/balcao?target_session_attrs=read-write"),
        Err(InvalidDatabaseUrl::NoStandby)
    ));
}
