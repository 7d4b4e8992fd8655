//! Rows that are staged, and the transaction in which that is done.

use tokio_postgres::Error;

use crate::connection::Connection;

/// Only this session sees it, for as long as it is left to us.
pub(super) const CREATE_STAGED: &str = "
    create temporary table staged (
        place bigint not null generated always as identity,
        product_id uuid not null,
        stock_id uuid not null,
        movement_id uuid not null,
        sku text,
        nome text not null,
        descricao text,
        preco numeric(12, 2) not null,
        quantidade bigint
    )";

/// A transaction that takes long may be needed at the end. Every row looks its product up by an
/// index, whatever the statistics of a catalogue say that grows meanwhile. PostgreSQL waits for
/// longer than we do for what a client sends.
const WRITING: &str = "
    set local statement_timeout = 0;
    set local idle_in_transaction_session_timeout = '60s';
    set local enable_seqscan = off;
    set local enable_hashjoin = off;
    set local enable_mergejoin = off";

pub(super) const STAGE: &str = "
    insert into staged
        (product_id, stock_id, movement_id, sku, nome, descricao, preco, quantidade)
    select *
    from unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::numeric[],
        $8::bigint[]
    )";

/// Begins a transaction in which rows are staged, or marks where the one that is open would be rolled
/// back to.
pub(super) async fn begin(client: &Connection, is_begun: bool) -> Result<(), Error> {
    if is_begun {
        return client.batch_execute("savepoint staged").await;
    }
    client.begin().await?;
    client.batch_execute(WRITING).await?;
    if client.keeps_session() {
        return Ok(());
    }
    let create = format!("{CREATE_STAGED} on commit drop");
    client.batch_execute(&create).await
}

pub(super) async fn roll_back(client: &Connection, is_begun: bool) -> Result<(), Error> {
    let how = if is_begun {
        "rollback to savepoint staged"
    } else {
        "rollback"
    };
    client.batch_execute(how).await
}
