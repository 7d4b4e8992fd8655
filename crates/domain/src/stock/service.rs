//! The use cases of stock, outside of orders.

use std::sync::Arc;

use thiserror::Error;

use super::{Stock, StockLevel, StockRepository};
use crate::{
    StorageError,
    catalog::ProductId,
    identity::{Caller, Forbidden, Permission},
};

/// Reads and sets the stock of a product.
pub struct StockService {
    stock: Arc<dyn StockRepository>,
}

/// Why stock was not read or set.
#[derive(Debug, Error)]
pub enum StockError {
    /// The caller lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such product.
    #[error("there is no such product")]
    NotFound,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl StockService {
    /// Reads and writes stock through `stock`.
    #[must_use]
    pub fn new(stock: Arc<dyn StockRepository>) -> Self {
        Self { stock }
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

    /// Sets the units of this product that can be ordered.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, or `Storage`.
    pub async fn set(
        &self,
        caller: &Caller,
        id: ProductId,
        available: StockLevel,
    ) -> Result<Stock, StockError> {
        caller.must_have(Permission::StockWrite)?;
        let set = self.stock.set(id, available).await?;
        set.ok_or(StockError::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixtures::{caller, own_caller, product_id},
        identity::Principal,
        stock::MockStockRepository,
    };

    #[tokio::test]
    async fn a_customer_neither_sees_nor_sets_stock() {
        let mut stock = MockStockRepository::new();
        stock.expect_find().never();
        stock.expect_set().never();
        let service = StockService::new(Arc::new(stock));
        let (customer, id) = (own_caller(1), product_id(1));
        let seen = service.get(&customer, id).await;
        assert!(matches!(seen, Err(StockError::Forbidden(_))));
        let set = service.set(&customer, id, StockLevel::EMPTY).await;
        assert!(matches!(set, Err(StockError::Forbidden(_))));
    }

    #[tokio::test]
    async fn the_stock_of_no_product_is_not_found() {
        let mut stock = MockStockRepository::new();
        stock.expect_find().returning(|_| Ok(None));
        stock.expect_set().returning(|_, _| Ok(None));
        let service = StockService::new(Arc::new(stock));
        let (staff, id) = (caller(Principal::Staff), product_id(1));
        let seen = service.get(&staff, id).await;
        assert!(matches!(seen, Err(StockError::NotFound)));
        let set = service.set(&staff, id, StockLevel::EMPTY).await;
        assert!(matches!(set, Err(StockError::NotFound)));
    }
}
