//! A schema of its own for a shop, so that a database has room for many.

use std::{fmt, sync::Arc};

use domain::StorageError;
use thiserror::Error;
use tokio_postgres::{Error, error::SqlState};

use crate::{
    connection::Connection,
    error::{column, storage},
    statements::Value,
};

/// The name of a schema: lower-case letters of ASCII, digits and `_`, at most 63 of them, no digit first. None of
/// PostgreSQL's own, nor the one that all share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema(Arc<str>);

/// Why a text is no name of a shop's schema.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InvalidSchema {
    /// It has another form.
    #[error(
        "must be lower-case letters from a to z, digits and _, at most {} of them, and begin with no digit",
        Schema::MAX_LENGTH
    )]
    Form,
    /// It is somebody else's.
    #[error(
        "is PostgreSQL's own, or what all shops of a database share: take another name, or leave it out"
    )]
    Taken,
}

impl Schema {
    /// The most characters of a name in PostgreSQL (manual, section 4.1.1).
    const MAX_LENGTH: usize = 63;

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// When it cannot be the name of a shop's schema.
    pub fn parse(name: &str) -> Result<Self, InvalidSchema> {
        let is_of_a_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = !name.starts_with(|c: char| c.is_ascii_digit());
        let is_well_formed = begins && name.chars().all(is_of_a_name);
        if name.is_empty() || name.len() > Self::MAX_LENGTH || !is_well_formed {
            return Err(InvalidSchema::Form);
        }
        if name.starts_with("pg_") || ["information_schema", SHARED].contains(&name) {
            return Err(InvalidSchema::Taken);
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Where a session looks for what is not named in full.
    pub(crate) fn search_path(&self) -> String {
        format!("{},{SHARED}", self.0)
    }
}

/// The schema of what all shops of a database share: extensions.
const SHARED: &str = "public";

/// The advisory lock of whoever makes what all shops of a database share: "shared" in ASCII.
const LOCK: i64 = 0x0000_7368_6172_6564;

/// By which it is told that a schema has a shop: nothing else has a table of this name.
const TABLE: &str = "itens_order";

/// What the lists of products and customers need of PostgreSQL.
const EXTENSION: &str = "pg_trgm";

/// Why a shop cannot be in its schema.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// Another shop is where all look.
    #[error(
        "the schema {SHARED} has a shop, whose tables would be taken for those that {0} lacks: give it a schema of \
         its own first (alter schema {SHARED} rename to NAME; revoke all on schema NAME from public; create schema \
         {SHARED}; grant usage on schema {SHARED} to public; alter extension {EXTENSION} set schema {SHARED})"
    )]
    Shared(Schema),
    /// This shop would be where all look.
    #[error(
        "the shops of this database have schemas of their own, which a shop in {SHARED} would be in the way of: set \
         DATABASE_SCHEMA"
    )]
    Unnamed,
    /// What every shop needs is in a schema into which others do not look.
    #[error(
        "{EXTENSION} is in the schema {0}, where shops in others do not find it: alter extension {EXTENSION} set \
         schema {SHARED}"
    )]
    Extension(String),
    /// The role may not make it.
    #[error("it may not be made by this role: create schema {0} authorization ROLE")]
    Denied(Schema),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

const PLACES: &str = "
    select to_regnamespace($1) is not null as is_there,
           to_regclass($2) is not null as is_shared,
           (select extnamespace::regnamespace::text from pg_extension where extname = $3) as extension";

/// What is where in a database in which no shop is where all look.
struct Places {
    /// Whether the schema of this shop is there.
    is_there: bool,
    /// The schema of the extension.
    extension: Option<String>,
}

impl Places {
    async fn find(client: &Connection, schema: &Schema) -> Result<Self, SchemaError> {
        let shared = format!("{SHARED}.{TABLE}");
        let values: [&dyn Value; 3] = [&schema.name(), &shared, &EXTENSION];
        let found = client.query(PLACES, &values).await?;
        let found = found
            .first()
            .ok_or_else(|| StorageError::corrupt("no row"))?;
        if column(found, "is_shared")? {
            return Err(SchemaError::Shared(schema.clone()));
        }
        Ok(Self {
            is_there: column(found, "is_there")?,
            extension: column(found, "extension")?,
        })
    }
}

/// Whether nothing can be taken for what is in the schema of this connection, if it has one.
pub(crate) async fn check(client: &Connection) -> Result<(), SchemaError> {
    if let Some(schema) = client.schema() {
        Places::find(client, schema).await?;
    }
    Ok(())
}

/// Makes the schema of this connection, if it has one, and what it shares with others, unless they are there.
pub(crate) async fn make(client: &Connection) -> Result<(), SchemaError> {
    let Some(schema) = client.schema() else {
        return refuse_a_shop_in_the_way(client).await;
    };
    let places = Places::find(client, schema).await?;
    if !places.is_there {
        let made = alone(client, &format!("create schema if not exists \"{schema}\"")).await;
        made.map_err(|error| match error.code() {
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => SchemaError::Denied(schema.clone()),
            _ => storage(error).into(),
        })?;
    }
    match places.extension {
        None => {
            let make = format!("create extension if not exists {EXTENSION} schema {SHARED}");
            Ok(alone(client, &make).await.map_err(storage)?)
        }
        Some(place) if place == SHARED => Ok(()),
        Some(place) => Err(SchemaError::Extension(place)),
    }
}

/// A shop that has no schema of its own is made where there are no others.
async fn refuse_a_shop_in_the_way(client: &Connection) -> Result<(), SchemaError> {
    const IN_THE_WAY: &str = "
        select
        from pg_class
        where relname = $1
          and current_schema() = $2
          and to_regclass($3) is null";
    let here = format!("{SHARED}.{TABLE}");
    let values: [&dyn Value; 3] = [&TABLE, &SHARED, &here];
    let others = client.query(IN_THE_WAY, &values).await?;
    if others.is_empty() {
        Ok(())
    } else {
        Err(SchemaError::Unnamed)
    }
}

/// Runs a statement while no other shop does so.
async fn alone(client: &Connection, statement: &str) -> Result<(), Error> {
    // A message is a transaction (PostgreSQL manual, section 55.2.2.1).
    let message = format!("select pg_advisory_xact_lock({LOCK}); {statement}");
    client.batch_execute(&message).await
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_a_name_that_needs_no_quotes_and_is_nobody_elses() {
        let parse = |name: &str| Schema::parse(name).map(|_| ());
        for name in ["shop42", "_", "order", &"x".repeat(63)] {
            assert_eq!(parse(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "42",
            "Shop",
            "a-b",
            "a,b",
            "loja_são",
            "a\"",
            &"x".repeat(64),
        ] {
            assert_eq!(parse(name), Err(InvalidSchema::Form), "{name}");
        }
        for name in ["public", "pg_catalog", "pg_x", "information_schema"] {
            assert_eq!(parse(name), Err(InvalidSchema::Taken), "{name}");
        }
    }
}
