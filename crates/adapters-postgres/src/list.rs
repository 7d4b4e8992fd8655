//! Lists by keyset pagination: a page begins behind the sort key and the id of the last entry of
//! the one before, which an index finds at once, however far behind the first page that is.

use std::fmt::Write as _;

use domain::{
    StorageError,
    values::{Limit, Page, PageRequest, Position},
};
use tokio_postgres::Row;

use crate::{connection::Connection, database::Database, error::column, statements::Value};

/// A value of a statement.
type Param = Box<dyn Value + Send>;

/// What a list is sorted by.
#[derive(Clone, Copy)]
pub(crate) struct Keyset {
    /// The expression of the sort key, and its type.
    pub(crate) key: (&'static str, &'static str),
    /// The column of the id, which decides between equal keys.
    pub(crate) id: &'static str,
    pub(crate) is_descending: bool,
}

impl Keyset {
    /// The column `sort_key`, from which the position of a row is made.
    pub(crate) fn column(&self) -> String {
        format!("({})::text as sort_key", self.key.0)
    }

    /// The clause `order by`.
    pub(crate) fn order_by(&self) -> String {
        let direction = if self.is_descending { "desc" } else { "asc" };
        let (key, _) = self.key;
        format!("order by {key} {direction}, {} {direction}", self.id)
    }
}

/// The conditions of a list and their values.
#[derive(Default)]
pub(crate) struct Conditions {
    text: String,
    params: Vec<Param>,
    /// Whether the caller asks for less than the whole list.
    is_filtered: bool,
}

impl Conditions {
    /// The conditions that hold for every list of this kind.
    pub(crate) fn always(condition: &str) -> Self {
        Self {
            text: condition.to_owned(),
            ..Self::default()
        }
    }

    /// Adds a condition, if there is a value for its `?`.
    pub(crate) fn when<T: Value + Send + 'static>(&mut self, condition: &str, value: Option<T>) {
        if let Some(value) = value {
            self.is_filtered = true;
            let placeholder = self.param(value);
            self.add(&condition.replace('?', &placeholder));
        }
    }

    /// Adds the condition that rows lie behind this position.
    fn after(&mut self, keyset: &Keyset, position: &Position) {
        let behind = if keyset.is_descending { '<' } else { '>' };
        let (key, sql_type) = keyset.key;
        let (value, id) = (self.param(position.key.clone()), self.param(position.id));
        self.add(&format!(
            "({key}, {}) {behind} ({value}::text::{sql_type}, {id})",
            keyset.id
        ));
    }

    fn add(&mut self, condition: &str) {
        let and = if self.text.is_empty() { "" } else { " and " };
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{and}{condition}");
    }

    fn param(&mut self, value: impl Value + Send + 'static) -> String {
        self.params.push(Box::new(value));
        format!("${}", self.params.len())
    }

    /// The clause `where`.
    pub(crate) fn filter(&self) -> String {
        let filter = if self.text.is_empty() {
            "true"
        } else {
            &self.text
        };
        format!("where {filter}")
    }

    /// The clauses `where`, `order by` and `limit` of a page, and one row more: whether there is a
    /// next page; and the clause `limit` of what is around them. The plan of the whole list serves
    /// pages of every length: it is told the longest, as a constant, and stops at the other `limit`.
    pub(crate) fn page(&mut self, keyset: &Keyset, page: &PageRequest) -> (String, String) {
        if let Some(position) = &page.after {
            self.after(keyset, position);
        }
        let rows = self.param(i64::from(page.limit.entries()) + 1);
        let planned = if self.is_filtered {
            rows.clone()
        } else {
            (Limit::MAX.entries() + 1).to_string()
        };
        let clauses = format!("{} {} limit {planned}", self.filter(), keyset.order_by());
        (clauses, format!("limit {rows}"))
    }

    /// A connection for this list. The plan of the whole list is always the same, and is made once;
    /// the best one for a part of it depends on what is asked for.
    pub(crate) async fn connection(&self, database: &Database) -> Result<Connection, StorageError> {
        if self.is_filtered {
            database.searches_client().await
        } else {
            database.client().await
        }
    }

    pub(crate) fn params(&self) -> Vec<&dyn Value> {
        self.params
            .iter()
            .map(|param| -> &dyn Value { &**param })
            .collect()
    }
}

/// A page of the rows of one table.
pub(crate) async fn page_of_table<T>(
    database: &Database,
    (columns, table): (&str, &str),
    keyset: &Keyset,
    mut conditions: Conditions,
    page: &PageRequest,
    entry: impl Fn(&Row) -> Result<T, StorageError>,
) -> Result<Page<T>, StorageError> {
    let (clauses, limit) = conditions.page(keyset, page);
    let statement = format!(
        "select *
         from (
             select {columns}, {} from {table} {clauses}
         ) as listed
         {limit}",
        keyset.column()
    );
    let search = conditions.connection(database).await?;
    let rows = search.query(&statement, &conditions.params()).await?;
    drop(search);
    page_of(rows.chunks(1), page, |row, _| entry(row))
}

/// A page from its rows, of which there may be one more than was asked for. Each entry is made of
/// the rows that `entry` gets: one, or those of one order.
pub(crate) fn page_of<'a, T>(
    entries: impl Iterator<Item = &'a [Row]>,
    page: &PageRequest,
    entry: impl Fn(&Row, &[Row]) -> Result<T, StorageError>,
) -> Result<Page<T>, StorageError> {
    let limit = usize::from(page.limit.entries());
    let mut items = Vec::with_capacity(limit);
    let (mut last, mut next) = (None, None);
    for rows in entries {
        let Some(row) = rows.first() else { continue };
        if items.len() == limit {
            next = last;
            break;
        }
        items.push(entry(row, rows)?);
        last = Some(position(row)?);
    }
    Ok(Page { items, next })
}

fn position(row: &Row) -> Result<Position, StorageError> {
    Ok(Position {
        key: column(row, "sort_key")?,
        id: column(row, "id")?,
    })
}
