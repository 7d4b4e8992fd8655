//! The pooler between the product and PostgreSQL, where `make poolers` has started one. Tests look at
//! what is really there past it.

use std::env;

use adapters_postgres::{DatabaseSettings, Pooling, Schema};

/// How the product reaches a database.
pub struct Route {
    /// Where it is, or the pooler.
    pub url: String,
    /// `DATABASE_POOLING`.
    pub pooling: String,
    /// `DATABASE_PREPARED`.
    pub prepared: String,
    /// `DATABASE_SCHEMA`: whatever `TEST_SCHEMA` names.
    pub schema: String,
}

impl Route {
    /// How it reaches the database of this URL, on this server.
    pub(crate) fn to(server: &str, url: String) -> Self {
        let is_pooled = env::var("TEST_DATABASE_URL").is_ok_and(|pooled| pooled == server);
        let direct = Self::past_poolers(url);
        match env::var("TEST_POOLER") {
            Ok(pooler) if is_pooled => {
                let (_, database) = direct.url.rsplit_once('/').unwrap();
                Self {
                    url: format!("{pooler}/{database}"),
                    pooling: env::var("TEST_DATABASE_POOLING").unwrap(),
                    prepared: env::var("TEST_DATABASE_PREPARED").unwrap(),
                    ..direct
                }
            }
            _ => direct,
        }
    }

    /// The same, with nothing in between.
    pub(crate) fn past_poolers(url: String) -> Self {
        Self {
            url,
            pooling: "direct".to_owned(),
            prepared: "off".to_owned(),
            schema: schema(),
        }
    }

    /// The product's settings of it.
    pub(crate) fn settings(&self, max_connections: usize) -> DatabaseSettings {
        let settings = DatabaseSettings::parse(&self.url, max_connections).unwrap();
        let settings = settings.through(self.pooling()).unwrap();
        let schema = (!self.schema.is_empty()).then(|| Schema::parse(&self.schema).unwrap());
        settings.in_schema(schema)
    }

    fn pooling(&self) -> Pooling {
        match self.pooling.as_str() {
            "session" => Pooling::Session,
            "transaction" => Pooling::Transaction {
                is_preparing: self.prepared == "on",
            },
            _ => Pooling::Direct,
        }
    }
}

/// The schema of the tests' shops, if they have one of their own.
pub(crate) fn schema() -> String {
    env::var("TEST_SCHEMA").unwrap_or_default()
}
