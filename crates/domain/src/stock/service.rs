//! The use cases of stock, outside of orders.

use std::sync::Arc;

use thiserror::Error;

use super::{
    BookEntry, LedgerEntry, MovementId, NewMovement, ProductStock, Stamp, Stock, StockChange,
    StockLevel, StockRepository,
};
use crate::{
    Clock, IdSource, StorageError,
    bulk::Export,
    catalog::ProductId,
    idempotency::{Created, CreationKey, IdempotencyKey, KeyReused},
    identity::{Caller, Forbidden, Permission},
    unit_of_work::{CommitError, Opened},
    values::{Expected, Page, PageRequest},
};

/// Reads and changes the stock of products.
pub struct StockService {
    stock: Arc<dyn StockRepository>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

/// What somebody has counted, and what they have seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The units that can be ordered.
    pub available: StockLevel,
    /// The levels one of which they have seen in a tag.
    pub seen: Expected<StockLevel>,
    /// The level that they expect to be there.
    pub expected: Option<StockLevel>,
}

/// Why stock was not read or changed.
#[derive(Debug, Error)]
pub enum StockError {
    /// The caller lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such product.
    #[error("there is no such product")]
    NotFound,
    /// The stock has changed since the caller read it.
    #[error("the stock has changed since it was read")]
    Stale,
    /// The stock is not what the caller expects.
    #[error("there are {} units, not as many as expected", .0.units())]
    Unexpected(StockLevel),
    /// More is to be taken away than there is.
    #[error("more is to be taken away than there is")]
    Insufficient {
        /// The product.
        product_id: ProductId,
        /// The units that were to be taken away.
        requested: i64,
        /// The units that there are.
        available: StockLevel,
    },
    /// The key stands for another request.
    #[error(transparent)]
    KeyReused(#[from] KeyReused),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl StockService {
    /// Reads and writes stock through `stock`.
    #[must_use]
    pub fn new(
        stock: Arc<dyn StockRepository>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Self {
        Self { stock, clock, ids }
    }

    /// The stock of this product.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, or `Storage`.
    pub async fn get(&self, caller: &Caller, id: ProductId) -> Result<Stock, StockError> {
        caller.must_have(Permission::StockRead)?;
        self.stock.find(id).await?.ok_or(StockError::NotFound)
    }

    /// Sets the stock of this product to what was counted. A count of what is there changes nothing
    /// and succeeds.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, `Stale`, `Unexpected`, or `Storage`.
    pub async fn count(
        &self,
        caller: &Caller,
        id: ProductId,
        count: Count,
    ) -> Result<Stock, StockError> {
        caller.must_have(Permission::StockWrite)?;
        let (Opened { state: found, unit }, stamp) = self.open(caller, id).await?;
        match count.decide(&found, stamp) {
            Ok(Some(change)) => {
                unit.commit(&change).await.map_err(StorageError::from)?;
                Ok(change.stock)
            }
            Ok(None) => {
                unit.abandon().await?;
                Ok(found)
            }
            Err(refused) => {
                unit.abandon().await?;
                Err(refused)
            }
        }
    }

    /// Moves stock of this product: units come or go. With a key it is done once, however often it is
    /// requested: a repeat gets the first answer.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, `Insufficient`, `KeyReused`, or `Storage`.
    pub async fn record(
        &self,
        caller: &Caller,
        id: ProductId,
        new: NewMovement,
        key: Option<IdempotencyKey>,
    ) -> Result<Created<LedgerEntry>, StockError> {
        caller.must_have(Permission::StockWrite)?;
        let key = key.map(|key| CreationKey {
            account_id: Some(caller.account_id),
            key,
            fingerprint: new.fingerprint(id),
        });
        if let Some(first) = self.recorded_under(id, key.as_ref()).await? {
            return Ok(first);
        }
        let (Opened { state: found, unit }, stamp) = self.open(caller, id).await?;
        let requested = -new.delta.units();
        let Some(change) = found.moved(new, stamp, key.clone()) else {
            unit.abandon().await?;
            // A repeat that came at the same time may have been faster, and have taken what there was.
            if let Some(first) = self.recorded_under(id, key.as_ref()).await? {
                return Ok(first);
            }
            return Err(StockError::Insufficient {
                product_id: id,
                requested,
                available: found.available,
            });
        };
        match unit.commit(&change).await {
            Ok(()) => Ok(Created {
                entity: change.into(),
                is_replay: false,
            }),
            Err(CommitError::Taken(error)) => {
                // A repeat that came at the same time was faster.
                let first = self.recorded_under(id, change.key.as_ref()).await?;
                first.ok_or(error.into())
            }
            Err(error) => Err(StorageError::from(error).into()),
        }
    }

    /// What an earlier request with this key recorded.
    async fn recorded_under(
        &self,
        id: ProductId,
        key: Option<&CreationKey>,
    ) -> Result<Option<Created<LedgerEntry>>, StockError> {
        let Some(key) = key else {
            return Ok(None);
        };
        let Some(first) = key.replay(self.stock.recorded_under(key).await?)? else {
            return Ok(None);
        };
        let entry = self.stock.entry(id, first).await?;
        Ok(entry.map(|entity| Created {
            entity,
            is_replay: true,
        }))
    }

    /// Locks stock that this caller may change.
    async fn open(
        &self,
        caller: &Caller,
        id: ProductId,
    ) -> Result<(Opened<Stock, StockChange>, Stamp), StockError> {
        let opened = self.stock.open(id).await?;
        let stamp = Stamp {
            id: MovementId::new(self.ids.next_id()),
            at: self.clock.now(),
            by: caller.into(),
        };
        Ok((opened.ok_or(StockError::NotFound)?, stamp))
    }

    /// A page of the ledger of this product, the newest entries first.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, or `Storage`.
    pub async fn ledger(
        &self,
        caller: &Caller,
        id: ProductId,
        page: &PageRequest,
    ) -> Result<Page<LedgerEntry>, StockError> {
        caller.must_have(Permission::StockRead)?;
        let entries = self.stock.ledger(id, page).await?;
        if entries.items.is_empty() && self.stock.find(id).await?.is_none() {
            return Err(StockError::NotFound);
        }
        Ok(entries)
    }

    /// A page of the products that are sold and of which there is less than this; those of which
    /// there is least come first.
    ///
    /// # Errors
    ///
    /// `Forbidden`, or `Storage`.
    pub async fn levels(
        &self,
        caller: &Caller,
        below: StockLevel,
        page: &PageRequest,
    ) -> Result<Page<ProductStock>, StockError> {
        caller.must_have(Permission::StockRead)?;
        Ok(self.stock.levels(below, page).await?)
    }

    /// The levels and the ledgers of all products, as of one moment, to be compared.
    ///
    /// # Errors
    ///
    /// `Forbidden`.
    pub fn books(&self, caller: &Caller) -> Result<Export<BookEntry>, Forbidden> {
        caller.must_have(Permission::StockRead)?;
        Ok(self.stock.books())
    }
}

impl Count {
    /// Decides what this count means for the stock that was found.
    fn decide(self, found: &Stock, stamp: Stamp) -> Result<Option<StockChange>, StockError> {
        if !self.seen.allows(&found.available) {
            return Err(StockError::Stale);
        }
        if self
            .expected
            .is_some_and(|expected| expected != found.available)
        {
            return Err(StockError::Unexpected(found.available));
        }
        Ok(found.counted(self.available, stamp))
    }
}

impl From<StockChange> for LedgerEntry {
    fn from(change: StockChange) -> Self {
        let StockChange {
            stock, movement, ..
        } = change;
        Self {
            id: movement.id.as_uuid(),
            at: movement.at,
            delta: movement.delta,
            balance: stock.available.units(),
            reason: movement.reason,
            order_id: None,
            role: Some(movement.by.role),
            account_id: Some(movement.by.account_id),
            note: movement.note,
        }
    }
}

#[cfg(test)]
mod tests;
