//! The pooler between the product and PostgreSQL, where `make poolers` has started one. Tests look at
//! what is really there past it.

use std::env;

use adapters_postgres::Pooling;

/// How the product reaches a database.
pub struct Route {
    /// Where it is, or the pooler.
    pub url: String,
    /// `DATABASE_POOLING`.
    pub pooling: String,
}

impl Route {
    /// How it reaches the database of this URL, on this server.
    pub(crate) fn to(server: &str, url: String) -> Self {
        let is_pooled = env::var("TEST_DATABASE_URL").is_ok_and(|pooled| pooled == server);
        match env::var("TEST_POOLER") {
            Ok(pooler) if is_pooled => {
                let (_, database) = url.rsplit_once('/').unwrap();
                Self {
                    url: format!("{pooler}/{database}"),
                    pooling: env::var("TEST_DATABASE_POOLING").unwrap(),
                }
            }
            _ => Self {
                url,
                pooling: "direct".to_owned(),
            },
        }
    }

    /// The same, as the product's own type.
    pub(crate) fn pooling(&self) -> Pooling {
        match self.pooling.as_str() {
            "session" => Pooling::Session,
            "transaction" => Pooling::Transaction {
                is_preparing: false,
            },
            _ => Pooling::Direct,
        }
    }
}
