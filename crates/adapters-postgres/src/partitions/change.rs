//! A change of what the tables of orders are, while orders are placed. Whoever waits for a lock of a whole table
//! keeps everybody behind it waiting: so the lock is asked for again and again, each time for less than
//! an order waits, and everything is made ready before.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, Error, error::SqlState};

use super::{INTERVAL, PartitionError};
use crate::{advisory_lock, connection::Connection, migrations};

/// The locks that a change needs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Locks {
    /// Rows are read, however many; whoever reads and writes them does not notice.
    None,
    /// The tables of orders. Those that they refer to (products, customers) are locked against writing.
    Orders,
    /// These as well: PostgreSQL removes the triggers by which they were referred to.
    References,
}

/// What is to be changed.
pub(super) trait Prepare: Sync {
    /// What was found while it was prepared.
    type Found: Send;

    /// The statements that change it, by what is seen once nobody else changes the tables.
    fn prepare(
        &self,
        client: &Client,
    ) -> impl Future<Output = Result<(String, Self::Found), PartitionError>> + Send;
}

/// Statements that are known before.
impl Prepare for &str {
    type Found = ();

    async fn prepare(&self, _: &Client) -> Result<(String, ()), PartitionError> {
        Ok(((*self).to_owned(), ()))
    }
}

/// For how long it is tried.
const PATIENCE: Duration = Duration::from_mins(2);

/// Nothing else changes the tables, and an autovacuum of them has ended (it gives way to who has waited for a
/// second): neither reads nor orders wait for that.
const BEGIN: &str = "
    set local statement_timeout = 0;
    set local client_connection_check_interval = '1s';
    set local lock_timeout = '5s';
    lock table orders, itens_order, order_history in share update exclusive mode";

impl Locks {
    /// Makes a change: again and again while locks are not to be had.
    pub(super) async fn make<C: Prepare>(
        self,
        client: &mut Connection,
        change: C,
    ) -> Result<C::Found, PartitionError> {
        let began = Instant::now();
        loop {
            match self.try_to_make(client, &change).await {
                Err(PartitionError::InUse) if began.elapsed() < PATIENCE => {
                    tokio::time::sleep(INTERVAL).await;
                }
                done => return done,
            }
        }
    }

    async fn try_to_make<C: Prepare>(
        self,
        client: &mut Connection,
        change: &C,
    ) -> Result<C::Found, PartitionError> {
        let migrating = advisory_lock::key(client, migrations::LOCK);
        let transaction = client.transaction().await?;
        transaction.batch_execute(BEGIN).await?;
        let (statements, found) = change.prepare(transaction.client()).await?;
        // At once: nobody waits for our round trips.
        let statements = self.statements(&migrating) + &statements;
        transaction.batch_execute(&statements).await?;
        transaction.commit().await?;
        Ok(found)
    }

    /// Statements that lock what is changed, in the sequence in which an order does, unless somebody has the lock of
    /// this key. They wait for 50 ms at most.
    fn statements(self, migrating: &str) -> String {
        let mode = match self {
            Self::None => return String::new(),
            Self::Orders => "share row exclusive",
            Self::References => "access exclusive",
        };
        format!(
            "set local lock_timeout = '30ms';
             do $$
             declare
                 ours regclass[] := array['orders', 'itens_order', 'order_history'];
                 referred text;
             begin
                 for attempt in 1..80 loop
                     begin
                         for referred in
                             select distinct confrelid::regclass::text from pg_constraint
                             where contype = 'f' and conrelid = any(ours) and confrelid <> all(ours)
                               and conparentid = 0
                             order by 1
                         loop
                             execute format('lock table %s in {mode} mode', referred);
                         end loop;
                         lock table orders, itens_order, order_history in access exclusive mode;
                         if not pg_try_advisory_xact_lock({migrating}) then
                             raise lock_not_available;
                         end if;
                         exit;
                     exception when lock_not_available or deadlock_detected then
                         if attempt = 80 then
                             raise;
                         end if;
                         perform pg_sleep(0.2);
                     end;
                 end loop;
             end $$;"
        )
    }
}

/// Whether somebody else uses the tables.
pub(super) fn is_in_use(error: &Error) -> bool {
    let in_use = [
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ];
    error.code().is_some_and(|code| in_use.contains(code))
}
