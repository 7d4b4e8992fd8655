//! Imports of products. Rows are staged in a temporary table of their connection, and written from
//! there: batch by batch, or all at the end.

mod columns;
mod keys;
mod staging;

use async_trait::async_trait;
use domain::{
    StorageError,
    audit::Action,
    catalog::{
        Checkpoint, EarlierImport, ImportCounts, ImportId, ImportMode, ImportStore, ImportUnit,
        NumberedRow, WriteImportError,
    },
    idempotency::ScopedKey,
    identity::Actor,
};
use time::OffsetDateTime;
use tokio_postgres::Error;
use uuid::Uuid;

use self::{
    columns::Columns,
    staging::{CREATE_STAGED, STAGE, begin, roll_back},
};
use super::PgCatalog;
use crate::{
    audit::Entries,
    connection::Connection,
    database::Database,
    error::{IMPORT_KEYS_PKEY, TransactionError, column, is_taken, violates},
    session::LONGEST_STATEMENT,
    statements::{self, Value},
    transaction::in_time,
};

/// In id order, as orders lock it, so that they cannot deadlock.
const LOCK_STOCK: &str = "
    select product_id
    from stock
    where product_id = any(array(
        select products.id
        from staged
        join products on products.sku = staged.sku
        where retired_at is null
          and quantidade is not null
    ))
    order by product_id
    for update";

/// Of several rows with one number the last one counts. Stock that is counted is locked by now, but for
/// that of a product which has got its number since: that is locked here, and counted from what there is
/// then. Only now it is said when: moments follow each other as changes do.
const WRITE: &str = "
    with given as materialized (
        select distinct on (coalesce(sku, product_id::text)) *
        from staged
        order by coalesce(sku, product_id::text), place desc
    ), held as materialized (
        select stock.product_id, quantidade_disponivel as before
        from given
        join products on products.sku = given.sku
        join stock on stock.product_id = products.id
        where retired_at is null
          and quantidade is not null
        order by stock.product_id
        for update of stock
    ), looked_up as materialized (
        select given.*, products.id as known_id, before
        from given
        left join products on products.sku = given.sku and retired_at is null
        left join held on held.product_id = products.id
    ), edited as (
        update products
        set nome = looked_up.nome,
            descricao = coalesce(looked_up.descricao, products.descricao),
            preco = looked_up.preco,
            version = version + 1
        from looked_up
        where products.id = looked_up.known_id
          and (products.nome, products.descricao, products.preco) is distinct from
              (looked_up.nome, coalesce(looked_up.descricao, products.descricao), looked_up.preco)
        returning products.id
    ), counted as (
        update stock
        set quantidade_disponivel = looked_up.quantidade
        from looked_up
        where stock.product_id = looked_up.known_id
          and before <> looked_up.quantidade
        returning stock.product_id
    ), added as (
        insert into products (id, nome, descricao, preco, sku, created_at, version)
        select product_id, nome, descricao, preco, sku, $1, 1
        from looked_up
        where known_id is null
        returning id
    ), stocked as (
        insert into stock (id, product_id, quantidade_disponivel)
        select stock_id, product_id, coalesce(quantidade, 0)
        from looked_up
        where known_id is null
    ), recorded as (
        insert into stock_movements
            (id, product_id, moved_at, delta, reason, moved_by, moved_by_role)
        select movement_id, product_id, $1, quantidade, 'opening', $2::uuid, $3
        from looked_up
        where known_id is null and quantidade <> 0
        union all
        select movement_id, known_id, clock_timestamp(), quantidade - before, 'count', $2, $3
        from looked_up
        where before <> quantidade
    ), changed as (
        select id from edited
        union
        select product_id from counted
    )
    select (select count(*) from added) as created,
           (select count(*) from changed) as updated,
           (select count(*) from staged) as staged,
           array(select id from added union all select id from edited) as ids";

/// How many of the staged rows name a product that there is.
const COUNT_KNOWN: &str = "
    select count(*) filter (where known) as known, count(*) as staged
    from (
        select exists (
            select
            from products
            where products.sku = staged.sku
              and retired_at is null
        ) as known
        from staged
    ) as looked_up";

/// How often a batch is written at most when another product gets one of its numbers meanwhile.
const MAX_TRIES: u32 = 3;

impl From<TransactionError> for WriteImportError {
    fn from(error: TransactionError) -> Self {
        StorageError::from(error).into()
    }
}

/// What the server calls this session.
const SESSION: &str = "select pg_backend_pid()::bigint as pid";

#[async_trait]
impl ImportStore for PgCatalog {
    #[tracing::instrument(level = "debug", name = "db.import.open", skip_all)]
    async fn open(
        &self,
        id: ImportId,
        mode: ImportMode,
        by: Actor,
        key: Option<ScopedKey>,
    ) -> Result<Box<dyn ImportUnit>, StorageError> {
        let client = self.database.bulk_client().await?;
        let keeps_session = client.keeps_session();
        let mut unit = Import {
            database: self.database.clone(),
            client: Some(client),
            id,
            mode,
            by,
            key,
            rows: None,
            is_begun: false,
        };
        if keeps_session {
            in_time(
                LONGEST_STATEMENT,
                unit.client()?.batch_execute(CREATE_STAGED),
            )
            .await?;
        } else if mode == ImportMode::Atomic {
            in_time(LONGEST_STATEMENT, begin(unit.client()?, false)).await?;
            unit.is_begun = true;
        }
        Ok(Box::new(unit))
    }
}

/// An open import. One that is dropped closes its connection, and with it goes what was staged.
struct Import {
    database: Database,
    client: Option<Connection>,
    id: ImportId,
    mode: ImportMode,
    by: Actor,
    key: Option<ScopedKey>,
    /// The rows that the checkpoint of the key is behind.
    rows: Option<i64>,
    /// Whether all of it is one transaction: what is staged outlives none where a pooler gives the
    /// next one another session.
    is_begun: bool,
}

impl Drop for Import {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            client.close();
        }
    }
}

#[async_trait]
impl ImportUnit for Import {
    #[tracing::instrument(level = "debug", name = "db.import.earlier", skip_all)]
    async fn earlier(&mut self) -> Result<Option<EarlierImport>, StorageError> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        let (account_id, text) = (key.account_id.as_uuid(), key.key.as_str());
        let values: [&dyn Value; 2] = [&account_id, &text];
        let found = statements::query(self.client()?, keys::EARLIER, &values);
        let found = in_time(LONGEST_STATEMENT, found).await?;
        let Some(row) = found.first() else {
            return Ok(None);
        };
        self.rows = Some(column(row, "rows")?);
        Ok(Some(keys::earlier(row)?))
    }

    #[tracing::instrument(level = "debug", name = "db.import.write", skip_all)]
    async fn write(
        &mut self,
        batch: &[NumberedRow],
        now: OffsetDateTime,
        checkpoint: Checkpoint,
    ) -> Result<ImportCounts, WriteImportError> {
        let columns = Columns::of(batch);
        match self.mode {
            ImportMode::Atomic => {
                let values = columns.params();
                let staged = statements::execute(self.client()?, STAGE, &values);
                in_time(LONGEST_STATEMENT, staged).await?;
                Ok(ImportCounts::default())
            }
            ImportMode::ValidateOnly => Ok(self.count(&columns).await?),
            ImportMode::InBatches => self.write_staged(Some(&columns), now, checkpoint).await,
        }
    }

    #[tracing::instrument(level = "debug", name = "db.import.finish", skip_all)]
    async fn finish(
        mut self: Box<Self>,
        now: OffsetDateTime,
        checkpoint: Checkpoint,
    ) -> Result<ImportCounts, WriteImportError> {
        let written = match (self.mode, &self.key) {
            (ImportMode::ValidateOnly, _) | (ImportMode::InBatches, None) => {
                ImportCounts::default()
            }
            // Of what is imported in batches, this is the end of what the key stands for.
            (ImportMode::Atomic, _) | (ImportMode::InBatches, Some(_)) => {
                self.write_staged(None, now, checkpoint).await?
            }
        };
        if self.client()?.keeps_session() {
            let dropped = self.client()?.batch_execute("drop table staged");
            if in_time(LONGEST_STATEMENT, dropped).await.is_err() {
                // It is written all the same, and the table goes with the connection.
                return Ok(written);
            }
        }
        // Back to its pool.
        drop(self.client.take());
        Ok(written)
    }
}

impl Import {
    fn client(&self) -> Result<&Connection, StorageError> {
        let client = self.client.as_ref();
        client.ok_or_else(|| StorageError::internal("the import has ended"))
    }

    /// Counts what a batch would do, and stages none of it.
    async fn count(&self, columns: &Columns<'_>) -> Result<ImportCounts, StorageError> {
        let client = self.client()?;
        let counted = async {
            begin(client, self.is_begun).await?;
            statements::execute(client, STAGE, &columns.params()).await?;
            let row = statements::query_one(client, COUNT_KNOWN, &[]).await?;
            roll_back(client, self.is_begun).await?;
            Ok::<(i64, i64), Error>((row.try_get("known")?, row.try_get("staged")?))
        };
        let (known, staged) = in_time(LONGEST_STATEMENT, counted).await?;
        Ok(ImportCounts {
            created: (staged - known).unsigned_abs(),
            updated: known.unsigned_abs(),
            unchanged: 0,
        })
    }

    /// Writes what is staged, and a batch besides.
    async fn write_staged(
        &mut self,
        batch: Option<&Columns<'_>>,
        now: OffsetDateTime,
        checkpoint: Checkpoint,
    ) -> Result<ImportCounts, WriteImportError> {
        let mut tries = 1;
        loop {
            match self.try_to_write(batch, now, checkpoint).await {
                Err(TransactionError::Failed(error)) if is_taken(&error) && tries < MAX_TRIES => {
                    let rolled_back = roll_back(self.client()?, self.is_begun);
                    in_time(LONGEST_STATEMENT, rolled_back).await?;
                    tries += 1;
                }
                Err(TransactionError::Failed(error)) if violates(&error, IMPORT_KEYS_PKEY) => {
                    return Err(WriteImportError::KeyInUse);
                }
                Err(error) => return Err(error.into()),
                Ok(None) => return Err(WriteImportError::KeyInUse),
                Ok(Some(counts)) => {
                    self.rows = i64::try_from(checkpoint.rows).ok();
                    return Ok(counts);
                }
            }
        }
    }

    /// `None` when the checkpoint is not where this import has left it. The transaction is open then,
    /// as it is after an error.
    async fn try_to_write(
        &mut self,
        batch: Option<&Columns<'_>>,
        now: OffsetDateTime,
        checkpoint: Checkpoint,
    ) -> Result<Option<ImportCounts>, TransactionError> {
        let Some(client) = &self.client else {
            return Ok(None);
        };
        let session = in_time(LONGEST_STATEMENT, async {
            begin(client, self.is_begun).await?;
            statements::query_one(client, SESSION, &[])
                .await?
                .try_get("pid")
        });
        let session = session.await?;
        let written = self.write_in_transaction(client, batch, now, checkpoint);
        let written = self.database.while_at_work(session, written).await?;
        self.is_begun &= written.is_none();
        Ok(written)
    }

    /// Writes and commits.
    async fn write_in_transaction(
        &self,
        client: &Connection,
        batch: Option<&Columns<'_>>,
        now: OffsetDateTime,
        checkpoint: Checkpoint,
    ) -> Result<Option<ImportCounts>, Error> {
        let (account, role) = (self.by.account_id.as_uuid(), self.by.role.as_str());
        if let Some(columns) = batch {
            statements::execute(client, STAGE, &columns.params()).await?;
        } else {
            client.batch_execute("analyze staged").await?;
        }
        statements::execute(client, LOCK_STOCK, &[]).await?;
        let row = statements::query_one(client, WRITE, &[&now, &account, &role]).await?;
        let (created, updated): (i64, i64) = (row.try_get("created")?, row.try_get("updated")?);
        let staged: i64 = row.try_get("staged")?;
        let ids: Vec<Uuid> = row.try_get("ids")?;
        statements::execute(client, super::KNOW_WORDS, &[&ids]).await?;
        let counts = ImportCounts {
            created: created.unsigned_abs(),
            updated: updated.unsigned_abs(),
            unchanged: (staged - created - updated).unsigned_abs(),
        };
        if let Some(key) = &self.key
            && !keys::keep(client, key, checkpoint, self.rows, counts, batch.is_none()).await?
        {
            return Ok(None);
        }
        let id = self.id.as_uuid();
        let audited = Entries::one(now, &self.by, Action::ProductsImport, id);
        audited.write_now(client).await?;
        client.batch_execute("delete from staged; commit").await?;
        Ok(Some(counts))
    }
}
