//! Imports: products in any number, created, or changed by their numbers.

use std::{cmp::Ordering, collections::HashSet, ops::AddAssign, sync::Arc};

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use thiserror::Error;
use time::OffsetDateTime;

use super::ProductId;
use crate::{
    Clock, IdSource, StorageError,
    idempotency::{Fingerprint, IdempotencyKey, KeyReused, ScopedKey},
    identity::{Actor, Caller, Forbidden, Permission},
    stock::{MovementId, StockId, StockLevel},
    values::{Description, Name, Price, Sku, id::id},
};

id!(
    /// Identifies an [`Import`].
    ImportId
);

/// A row of an import. What is `None` of a product that exists stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// A product that is sold and has this number is changed; else one is created.
    pub sku: Option<Sku>,
    /// The name.
    pub name: Name,
    /// The description.
    pub description: Option<Description>,
    /// The price of one unit.
    pub price: Price,
    /// The units that can be ordered; of a new product none without it.
    pub available: Option<StockLevel>,
}

/// A row, and the ids that its product gets if it is a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedRow {
    /// The product's id.
    pub product_id: ProductId,
    /// The id of its stock.
    pub stock_id: StockId,
    /// The id of the movement of its stock, or of that of the product that is changed.
    pub movement_id: MovementId,
    /// The row.
    pub row: ImportRow,
}

/// How an import is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    /// In batches, each of which stays when the import breaks off later.
    InBatches,
    /// All of it or nothing.
    Atomic,
    /// Not at all.
    ValidateOnly,
}

/// How many products an import has created and changed, or would.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportCounts {
    /// Products that there were not.
    pub created: u64,
    /// Products that are different now.
    pub updated: u64,
    /// Products that are as the import wants them already.
    pub unchanged: u64,
}

impl AddAssign for ImportCounts {
    fn add_assign(&mut self, more: Self) {
        self.created += more.created;
        self.updated += more.updated;
        self.unchanged += more.unchanged;
    }
}

/// What an import has done, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportOutcome {
    /// The rows that it had.
    pub rows: u64,
    /// Those that were refused. One such row is enough for an atomic import to do nothing.
    pub refused: u64,
    /// What became of the others.
    pub counts: ImportCounts,
    /// Whether an earlier import under the same key did all of this.
    pub is_replay: bool,
}

/// A place in the text of an import, behind which nothing is written yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The rows before it, refused ones among them.
    pub rows: u64,
    /// What these rows were.
    pub fingerprint: Fingerprint,
}

/// What imports under a key have done before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlierImport {
    /// How far they have come.
    pub checkpoint: Checkpoint,
    /// What became of the rows before it.
    pub counts: ImportCounts,
    /// Whether one of them came to its end: the key stands for these rows, and no more.
    pub is_finished: bool,
}

/// Opens imports.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait ImportStore: Send + Sync {
    /// Opens an import by this account. With a key, what it has done is kept with it.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn open(
        &self,
        id: ImportId,
        mode: ImportMode,
        by: Actor,
        key: Option<ScopedKey>,
    ) -> Result<Box<dyn ImportUnit>, StorageError>;
}

/// An open import.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait ImportUnit: Send {
    /// What imports under this key have done; `None` when there was none, and without a key.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn earlier(&mut self) -> Result<Option<EarlierImport>, StorageError>;

    /// Writes a batch, in which no number stands twice, and, with a key, that the import has come to
    /// this checkpoint: both or neither. An atomic import MUST NOT show any of it before `finish`,
    /// nor make others wait until then.
    ///
    /// # Errors
    ///
    /// `KeyInUse` when another import under this key has come further meanwhile; `Storage` when
    /// storage fails. Nothing of the batch is written then, unless the connection broke during the
    /// commit.
    async fn write(
        &mut self,
        batch: &[NumberedRow],
        now: OffsetDateTime,
        checkpoint: Checkpoint,
    ) -> Result<ImportCounts, WriteImportError>;

    /// Ends an import; only now an atomic one is written, all of it or nothing. One that is dropped
    /// without this MUST leave nothing behind but batches that were written whole.
    ///
    /// # Errors
    ///
    /// As `write`.
    async fn finish(
        self: Box<Self>,
        now: OffsetDateTime,
        checkpoint: Checkpoint,
    ) -> Result<ImportCounts, WriteImportError>;
}

/// Why a batch was not written.
#[derive(Debug, Error)]
pub enum WriteImportError {
    /// Another import under this key is in progress.
    #[error("another import under this key is in progress")]
    KeyInUse,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why an import was not made.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The caller lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The key stands for another import.
    #[error(transparent)]
    KeyReused(#[from] KeyReused),
    /// A batch was not written.
    #[error(transparent)]
    Write(#[from] WriteImportError),
}

impl From<StorageError> for ImportError {
    fn from(error: StorageError) -> Self {
        Self::Write(error.into())
    }
}

/// The use case: it takes rows as they come, and holds no more of them than a batch.
pub struct Import {
    unit: Box<dyn ImportUnit>,
    mode: ImportMode,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    batch: Vec<NumberedRow>,
    /// The numbers in the batch.
    skus: HashSet<Sku>,
    digest: Sha256,
    rows: u64,
    refused: u64,
    counts: ImportCounts,
    /// What was done before under the same key.
    earlier: Option<EarlierImport>,
}

/// The most rows that are written at once.
const BATCH: usize = 1_000;

impl Import {
    pub(super) async fn open(
        store: &dyn ImportStore,
        caller: &Caller,
        mode: ImportMode,
        key: Option<IdempotencyKey>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Result<Self, ImportError> {
        caller.must_have(Permission::ProductsWrite)?;
        caller.must_have(Permission::StockWrite)?;
        let account_id = caller.account_id;
        let key = key.map(|key| ScopedKey { account_id, key });
        let mut unit = store
            .open(ImportId::new(ids.next_id()), mode, caller.into(), key)
            .await?;
        let earlier = unit.earlier().await?;
        Ok(Self {
            unit,
            mode,
            clock,
            ids,
            batch: Vec::with_capacity(BATCH),
            skus: HashSet::with_capacity(BATCH),
            digest: Sha256::new(),
            rows: 0,
            refused: 0,
            counts: earlier.map_or_else(ImportCounts::default, |earlier| earlier.counts),
            earlier,
        })
    }

    /// Takes the next row: its text, and what it says unless it is refused. Rows that an earlier
    /// import under the same key has written are recognised and not written again.
    ///
    /// # Errors
    ///
    /// `KeyReused`, or `Write`: batches that were written before stay, unless it is atomic.
    pub async fn take(&mut self, text: &[u8], row: Option<ImportRow>) -> Result<(), ImportError> {
        let sku = row.as_ref().and_then(|row| row.sku.clone());
        if sku.as_ref().is_some_and(|sku| self.skus.contains(sku)) {
            self.write().await?;
        }
        self.rows += 1;
        self.digest.update(text.len().to_be_bytes());
        self.digest.update(text);
        self.refused += u64::from(row.is_none());
        if self.is_behind()? {
            return Ok(());
        }
        let Some(row) = row else {
            return Ok(());
        };
        self.skus.extend(sku);
        self.batch.push(NumberedRow {
            product_id: ProductId::new(self.ids.next_id()),
            stock_id: StockId::new(self.ids.next_id()),
            movement_id: MovementId::new(self.ids.next_id()),
            row,
        });
        if self.batch.len() == BATCH {
            self.write().await?;
        }
        Ok(())
    }

    /// Whether the row that was just taken was written before.
    fn is_behind(&self) -> Result<bool, KeyReused> {
        let Some(earlier) = &self.earlier else {
            return Ok(false);
        };
        let done = &earlier.checkpoint;
        match self.rows.cmp(&done.rows) {
            Ordering::Equal if self.checkpoint() != *done => Err(KeyReused),
            Ordering::Greater if earlier.is_finished => Err(KeyReused),
            Ordering::Greater => Ok(false),
            Ordering::Less | Ordering::Equal => Ok(true),
        }
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            rows: self.rows,
            fingerprint: Fingerprint::from_digest(self.digest.clone().finalize().into()),
        }
    }

    /// How far the import has come.
    #[must_use]
    pub fn outcome(&self) -> ImportOutcome {
        ImportOutcome {
            rows: self.rows,
            refused: self.refused,
            counts: self.counts,
            is_replay: self.earlier.is_some_and(|earlier| earlier.is_finished),
        }
    }

    /// Ends the import. An atomic one is written now, unless a row was refused.
    ///
    /// # Errors
    ///
    /// `KeyReused`, or `Write`: batches that were written before stay, unless it is atomic.
    pub async fn finish(mut self) -> Result<ImportOutcome, ImportError> {
        if let Some(earlier) = self.earlier {
            if self.rows < earlier.checkpoint.rows {
                return Err(KeyReused.into());
            }
            if earlier.is_finished {
                return Ok(self.outcome());
            }
        }
        if self.mode == ImportMode::Atomic && self.refused > 0 {
            self.counts = ImportCounts::default();
            return Ok(self.outcome());
        }
        if !self.batch.is_empty() {
            self.write().await?;
        }
        let (now, checkpoint) = (self.clock.now(), self.checkpoint());
        let mut outcome = self.outcome();
        outcome.counts += self.unit.finish(now, checkpoint).await?;
        Ok(outcome)
    }

    /// Writes what has come since the last batch.
    async fn write(&mut self) -> Result<(), ImportError> {
        let batch = std::mem::take(&mut self.batch);
        self.skus.clear();
        let written = self.unit.write(&batch, self.clock.now(), self.checkpoint());
        self.counts += written.await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
