//! The settings of sessions, and how they come to hold.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _, time::Duration};

use thiserror::Error;

use crate::schema::Schema;

/// What stands between this process and PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Nothing: a connection has a session of its own, and says at its start what holds in it.
    Direct,
    /// A pooler that gives a connection a session for as long as it lives (PgBouncer's
    /// `pool_mode=session`).
    Session,
    /// A pooler that gives each transaction a session, perhaps another one (PgBouncer's
    /// `pool_mode=transaction`).
    Transaction {
        /// Whether it keeps prepared statements for its clients (PgBouncer from 1.21 on, with
        /// `max_prepared_statements`).
        is_preparing: bool,
    },
}

/// A session that lacks a setting.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{name} is {found:?} in the sessions of PostgreSQL: {mend}")]
pub struct LaxSession {
    name: &'static str,
    found: String,
    mend: String,
}

/// What all sessions of a database have in common.
#[derive(Debug, Clone)]
pub(crate) struct Sessions {
    pub(crate) pooling: Pooling,
    /// The schema of the shop, unless it is where the sessions of its role look anyway.
    pub(crate) schema: Option<Schema>,
}

/// The settings of a session, by their names.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    values: BTreeMap<&'static str, Cow<'static, str>>,
    /// How long an answer may take, where that is longer than somebody waits for others.
    longest: Option<Duration>,
}

type Setting = (&'static str, &'static str);

/// Begins a transaction, whatever the database's default is. Every statement sees what was
/// committed before it, so that what is read after a lock was granted is what the lock protects.
const BEGIN: &str = "begin isolation level read committed";

/// The settings of every session: no statement waits for long, and a client that disappeared in the
/// middle of a transaction does not keep its locks.
const EVERY_SESSION: [Setting; 5] = [
    ("datestyle", "iso"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("jit", "off"),
    ("lock_timeout", "2s"),
    ("statement_timeout", "10s"),
];

/// Where a session looks for what is not named in full.
const SEARCH_PATH: &str = "search_path";

/// A statement whose caller has gone ends within a second (PostgreSQL 14): through a pooler it is not
/// cancelled by a request, for one whose sender hangs up ends the whole of PgBouncer 1.18 (its issue
/// 801), but by closing the connection.
const BEHIND_A_POOLER: [Setting; 1] = [("client_connection_check_interval", "1s")];

/// For connections whose statements find their rows by id. A statement is planned once per
/// connection, the lookups of foreign keys too, and the plan must be right for as long as the
/// connection lives. So it uses indexes whatever the statistics were at that moment: a table that
/// was small then is not read whole once it has grown. Planning each execution instead took a fifth
/// of the time of an order that is placed alone.
///
/// A join could still read a whole index, because that of an empty table costs nothing. The planner
/// only considers this where the order of an index is useful, for example to a join by `=`. So
/// statements that join by id use `= any(array[id])`, which asks an index for each row.
/// `tests/it/plans.rs` counts what is read.
const ROWS_BY_ID: [Setting; 2] = [
    ("enable_seqscan", "off"),
    ("plan_cache_mode", "force_generic_plan"),
];

/// For connections whose statements lock rows: a statement gives up a lock that is held for longer
/// than a placement takes, so that its transaction can do something else meanwhile.
const ROWS_TO_LOCK: [Setting; 1] = [("lock_timeout", "50ms")];

/// For connections whose statements read many rows: how many, and so the best plan, depends on the
/// values. They do not take a second core from orders.
const MANY_ROWS: [Setting; 3] = [
    ("enable_seqscan", "on"),
    ("max_parallel_workers_per_gather", "0"),
    ("plan_cache_mode", "force_custom_plan"),
];

/// Longer than any statement takes, which ends by its own timeout before. A connection over which no answer has come by
/// then is dead.
pub(crate) const LONGEST_STATEMENT: Duration = Duration::from_secs(11);

/// The same for searches.
const LONGEST_SEARCH: Duration = Duration::from_secs(4);

/// For searches: nobody waits longer for a list.
const SEARCHES: [Setting; 1] = [("statement_timeout", "3s")];

/// For what tells how far a standby is behind: it waits neither for that one nor for another replica.
const BEATS: [Setting; 2] = [("lock_timeout", "100ms"), ("synchronous_commit", "local")];

impl Sessions {
    /// For statements that find their rows by id.
    pub(crate) fn by_id(&self) -> Settings {
        self.every().and(&ROWS_BY_ID)
    }

    /// For statements that lock rows by id.
    pub(crate) fn locking(&self) -> Settings {
        self.by_id().and(&ROWS_TO_LOCK)
    }

    /// For statements that read many rows.
    pub(crate) fn many_rows(&self) -> Settings {
        self.every().and(&MANY_ROWS).within(LONGEST_STATEMENT)
    }

    /// For what tells how far a standby is behind.
    pub(crate) fn beats(&self) -> Settings {
        self.by_id().and(&BEATS)
    }

    /// For searches.
    pub(crate) fn searches(&self) -> Settings {
        self.many_rows().and(&SEARCHES).within(LONGEST_SEARCH)
    }

    fn every(&self) -> Settings {
        let mut every = Settings {
            values: BTreeMap::new(),
            longest: None,
        }
        .and(&EVERY_SESSION);
        if let Some(schema) = &self.schema {
            every
                .values
                .insert(SEARCH_PATH, schema.search_path().into());
        }
        match self.pooling {
            Pooling::Direct => every,
            Pooling::Session | Pooling::Transaction { .. } => every.and(&BEHIND_A_POOLER),
        }
    }
}

impl Settings {
    fn and(mut self, settings: &[Setting]) -> Self {
        let settings = settings.iter();
        self.values
            .extend(settings.map(|(name, value)| (*name, Cow::from(*value))));
        self
    }

    fn within(self, longest: Duration) -> Self {
        Self {
            longest: Some(longest),
            ..self
        }
    }

    /// What the connection says at its start (libpq's `options`); those of the URL come last, and so
    /// take precedence.
    pub(crate) fn options(&self, of_url: &str) -> String {
        let mut options = String::new();
        for (name, value) in &self.values {
            // Writing to a string cannot fail.
            let _ = write!(options, "-c {name}={value} ");
        }
        (options + of_url).trim().to_owned()
    }

    /// The statements that set them.
    pub(crate) fn statements(&self) -> String {
        statements("set", self.values.iter())
    }

    /// The statements that set, for a transaction, what differs from the sessions of a pooler, which have these.
    fn local(&self, pooled: &Self) -> Option<String> {
        let differing = self.values.iter();
        let differing = differing.filter(|(name, value)| pooled.values.get(*name) != Some(*value));
        let statements = statements("set local", differing);
        (!statements.is_empty()).then_some(statements)
    }

    /// The names of the settings.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.values.keys().copied().collect()
    }

    /// Whether these hold in a session in which the setting of this name was found to be this. A
    /// timeout may be another one; none would be to wait for ever.
    pub(crate) fn check(
        &self,
        name: &str,
        found: &str,
        pooling: Pooling,
    ) -> Result<(), LaxSession> {
        let Some((&name, wanted)) = self.values.get_key_value(name) else {
            return Ok(());
        };
        let holds = if name.ends_with("_timeout") || name.ends_with("_interval") {
            found != "0"
        } else if name == SEARCH_PATH {
            found.split(',').map(unquoted).eq(wanted.split(','))
        } else {
            // `datestyle` tells more than was set.
            let found = found.split(',').next().unwrap_or_default();
            found.eq_ignore_ascii_case(wanted)
        };
        if holds {
            return Ok(());
        }
        Err(LaxSession {
            name,
            found: found.to_owned(),
            mend: match pooling {
                Pooling::Transaction { .. } => {
                    format!("let the pooler's connect_query be: {}", self.statements())
                }
                Pooling::Direct | Pooling::Session => {
                    format!(
                        "it must be {wanted}: take it out of DATABASE_URL; if a pooler is in between, \
                         DATABASE_POOLING must say so"
                    )
                }
            },
        })
    }
}

/// A name of a list, which may have quotes.
fn unquoted(name: &str) -> &str {
    let name = name.trim();
    let quoted = name.strip_prefix('"');
    quoted
        .and_then(|name| name.strip_suffix('"'))
        .unwrap_or(name)
}

/// A list has quotes around each.
fn statements<'a>(
    set: &str,
    settings: impl Iterator<Item = (&'a &'static str, &'a Cow<'static, str>)>,
) -> String {
    let set = settings.map(|(name, value)| {
        let value = value.replace(',', "', '");
        format!("{set} {name} = '{value}'")
    });
    set.collect::<Vec<_>>().join("; ")
}

/// How statements are sent over the connections of a pool.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) pooling: Pooling,
    /// The schema of the shop, if it has one of its own.
    pub(crate) schema: Option<Schema>,
    /// How long to wait for others, and for a commit.
    pub(crate) patience: Duration,
    /// How long the answer to a statement that reads may take.
    pub(crate) longest: Duration,
    /// What every transaction has to set first.
    pub(crate) local: Option<String>,
    /// What a transaction begins with.
    pub(crate) begin: String,
}

impl Session {
    pub(crate) fn of(settings: &Settings, sessions: &Sessions, patience: Duration) -> Self {
        let local = match sessions.pooling {
            Pooling::Direct | Pooling::Session => None,
            Pooling::Transaction { .. } => settings.local(&sessions.by_id()),
        };
        let begin = match &local {
            Some(local) => format!("{BEGIN}; {local}"),
            None => BEGIN.to_owned(),
        };
        Self {
            pooling: sessions.pooling,
            schema: sessions.schema.clone(),
            patience,
            longest: settings.longest.unwrap_or_default().max(patience),
            local,
            begin,
        }
    }

    /// Whether what is sent often is prepared.
    pub(crate) fn is_preparing(&self) -> bool {
        match self.pooling {
            Pooling::Direct | Pooling::Session => true,
            Pooling::Transaction { is_preparing } => is_preparing,
        }
    }
}

#[cfg(test)]
mod tests;
