//! How statements are sent, and what is told of their values.
//!
//! What is sent often is prepared under a name, once a connection, unless a pooler gives every
//! transaction another session: there it is sent without a name. What is sent seldom never has one.
//! Either way a statement is one round trip.

use rust_decimal::Decimal;
use time::{Date, OffsetDateTime};
use tokio_postgres::{
    Client, Error, Row,
    types::{ToSql, Type},
};
use uuid::Uuid;

/// A value of a statement.
pub(crate) trait Value: ToSql + Sync {
    /// The type that it has in a statement without a name. PostgreSQL is not asked which one it
    /// takes there, for that would be another round trip.
    fn sql_type(&self) -> Type;
}

macro_rules! values {
    ($($value:ty => $one:ident, $many:ident;)+) => {$(
        impl Value for $value {
            fn sql_type(&self) -> Type {
                Type::$one
            }
        }
        impl Value for Option<$value> {
            fn sql_type(&self) -> Type {
                Type::$one
            }
        }
        impl Value for Vec<$value> {
            fn sql_type(&self) -> Type {
                Type::$many
            }
        }
        impl Value for Vec<Option<$value>> {
            fn sql_type(&self) -> Type {
                Type::$many
            }
        }
    )+};
}

values! {
    bool => BOOL, BOOL_ARRAY;
    i64 => INT8, INT8_ARRAY;
    Decimal => NUMERIC, NUMERIC_ARRAY;
    &str => TEXT, TEXT_ARRAY;
    String => TEXT, TEXT_ARRAY;
    &[u8] => BYTEA, BYTEA_ARRAY;
    Date => DATE, DATE_ARRAY;
    OffsetDateTime => TIMESTAMPTZ, TIMESTAMPTZ_ARRAY;
    Uuid => UUID, UUID_ARRAY;
}

/// A statement that can be sent in one round trip.
pub(crate) enum Statement {
    /// It is prepared on the connection.
    Named(tokio_postgres::Statement),
    /// It is sent whole.
    Unnamed(&'static str),
}

impl Statement {
    /// The rows that it finds. It is sent when this is first polled.
    pub(crate) async fn query(
        &self,
        client: &Client,
        values: &[&dyn Value],
    ) -> Result<Vec<Row>, Error> {
        match self {
            Self::Named(prepared) => client.query(prepared, &untyped(values)).await,
            Self::Unnamed(text) => query(client, text, values).await,
        }
    }

    /// The row that it finds, if there is one.
    pub(crate) async fn query_opt(
        &self,
        client: &Client,
        values: &[&dyn Value],
    ) -> Result<Option<Row>, Error> {
        Ok(self.query(client, values).await?.into_iter().next())
    }

    /// How many rows it changes. It is sent when this is first polled.
    pub(crate) async fn execute(
        &self,
        client: &Client,
        values: &[&dyn Value],
    ) -> Result<u64, Error> {
        match self {
            Self::Named(prepared) => client.execute(prepared, &untyped(values)).await,
            Self::Unnamed(text) => execute(client, text, values).await,
        }
    }
}

/// The rows that a statement without a name finds, within a transaction.
pub(crate) async fn query(
    client: &Client,
    statement: &str,
    values: &[&dyn Value],
) -> Result<Vec<Row>, Error> {
    client.query_typed(statement, &typed(values)).await
}

/// The one row of a statement without a name, within a transaction.
pub(crate) async fn query_one(
    client: &Client,
    statement: &str,
    values: &[&dyn Value],
) -> Result<Row, Error> {
    client.query_typed_one(statement, &typed(values)).await
}

/// How many rows a statement without a name changes, within a transaction.
pub(crate) async fn execute(
    client: &Client,
    statement: &str,
    values: &[&dyn Value],
) -> Result<u64, Error> {
    client.execute_typed(statement, &typed(values)).await
}

/// The values, as the driver takes them for a statement whose types it knows.
pub(crate) fn untyped<'a>(values: &[&'a dyn Value]) -> Vec<&'a (dyn ToSql + Sync)> {
    values.iter().map(|value| to_sql(*value)).collect()
}

fn typed<'a>(values: &[&'a dyn Value]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    let typed = |value: &&'a dyn Value| (to_sql(*value), value.sql_type());
    values.iter().map(typed).collect()
}

fn to_sql(value: &dyn Value) -> &(dyn ToSql + Sync) {
    value
}
