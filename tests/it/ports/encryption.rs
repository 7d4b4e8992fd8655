//! TLS to PostgreSQL, as the URL asks for it.

use adapters_postgres::{Database, DatabaseSettings};
use domain::StorageError;
use integration_tests::{Authority, TestDatabase, TlsProxy};

async fn ping(url: &str) -> Result<(), StorageError> {
    let settings = DatabaseSettings::parse(url, 1).unwrap();
    Database::new(&settings).unwrap().ping().await
}

#[tokio::test]
async fn the_server_must_be_who_sslmode_says() {
    let database = TestDatabase::empty().await;
    let (ours, other) = (Authority::default(), Authority::default());
    let (ours, other) = (&ours, &other);
    let localhost = TlsProxy::to_database(&database, ours, "localhost", false).await;
    let elsewhere = TlsProxy::to_database(&database, ours, "elsewhere.example", false).await;
    for (server, mode, trusted, is_reached) in [
        // It speaks TLS alone.
        (&localhost, "disable", None, false),
        (&localhost, "prefer", None, true),
        (&localhost, "require", None, true),
        (&elsewhere, "require", None, true),
        (&elsewhere, "require", Some(ours), true),
        (&localhost, "require", Some(other), false),
        (&localhost, "verify-ca", Some(ours), true),
        (&elsewhere, "verify-ca", Some(ours), true),
        (&localhost, "verify-ca", Some(other), false),
        (&localhost, "verify-full", Some(ours), true),
        (&elsewhere, "verify-full", Some(ours), false),
        (&localhost, "verify-full", Some(other), false),
    ] {
        let root = trusted.map(|authority| format!("&sslrootcert={}", authority.root()));
        let parameters = format!("sslmode={mode}{}", root.as_deref().unwrap_or_default());
        let reached = ping(&server.database_url(&database, &parameters)).await;
        assert_eq!(reached.is_ok(), is_reached, "{parameters}: {reached:?}");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_that_of_sslcert() {
    let database = TestDatabase::empty().await;
    let authority = Authority::default();
    let server = TlsProxy::to_database(&database, &authority, "localhost", true).await;
    let parameters = format!("sslmode=verify-full&sslrootcert={}", authority.root());
    let nobody = ping(&server.database_url(&database, &parameters)).await;
    assert!(nobody.is_err());
    let (certificate, key) = authority.client();
    let parameters = format!("{parameters}&sslcert={certificate}&sslkey={key}");
    ping(&server.database_url(&database, &parameters))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_server_without_tls_is_reached_unless_tls_is_required() {
    let database = TestDatabase::empty().await;
    for (mode, is_reached) in [("disable", true), ("prefer", true), ("require", false)] {
        let reached = ping(&format!("{}?sslmode={mode}", database.url())).await;
        assert_eq!(reached.is_ok(), is_reached, "{mode}: {reached:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_without_the_url() {
    let authority = Authority::default();
    let (certificate, _) = authority.client();
    for (parameters, told) in [
        ("sslmode=verify".to_owned(), "verify-full"),
        (
            "sslmode=verify-ca&sslrootcert=/nowhere/root.pem".to_owned(),
            "sslrootcert",
        ),
        (
            "sslmode=verify-full&sslrootcert=/dev/null".to_owned(),
            "trusts no authority",
        ),
        (format!("sslmode=require&sslcert={certificate}"), "sslkey"),
        (
            format!("sslmode=require&sslcert={certificate}&sslkey={certificate}"),
            "sslkey",
        ),
    ] {
        let url = format!("postgres://balcao:hush@localhost/balcao?{parameters}");
        let error = DatabaseSettings::parse(&url, 1).unwrap_err().to_string();
        assert!(error.contains(told) && !error.contains("hush"), "{error}");
    }
}
