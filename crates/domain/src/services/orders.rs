//! Orders: placing them, looking them up, moving them through their life.

use std::sync::Arc;

use thiserror::Error;

use super::{desk::Desk, single_flight::SingleFlight};
use crate::{
    Caller, CustomerId, Move, MoveRefused, NewOrder, Order, OrderId, OrderLine, OrderStatus,
    Principal, StorageError, ValueError,
    placement::Refusal,
    ports::{OpenStatusChange, OrderCache, OrderRepository, StatusChangeStore},
};

/// What is bought.
pub struct OrderService {
    desk: Desk,
    orders: Arc<dyn OrderRepository>,
    changes: Arc<dyn StatusChangeStore>,
    cache: Arc<dyn OrderCache>,
    loads: SingleFlight<OrderId, Order>,
}

/// What somebody says who places an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRequest {
    /// For whom; customers order for themselves and need not say so.
    pub customer_id: Option<CustomerId>,
    /// What is wanted.
    pub lines: Vec<OrderLine>,
}

/// Why an order was not placed, shown or moved.
#[derive(Debug, Error)]
pub enum OrderError {
    /// The shop must say for whom it orders.
    #[error("the shop must name the customer it orders for")]
    CustomerRequired,
    /// A customer cannot order for another.
    #[error("a customer cannot order for another customer")]
    NotForAnother,
    /// There is no line, or there are too many.
    #[error("the lines of the order: {0}")]
    Lines(ValueError),
    /// The order was looked at and refused: nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such order, or it is none of the caller's business.
    #[error("there is no such order")]
    NotFound,
    /// The order may not be moved like that.
    #[error(transparent)]
    Move(#[from] MoveRefused),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl OrderService {
    /// Joins the desk and the ports.
    #[must_use]
    pub fn new(
        desk: Desk,
        orders: Arc<dyn OrderRepository>,
        changes: Arc<dyn StatusChangeStore>,
        cache: Arc<dyn OrderCache>,
    ) -> Self {
        Self {
            desk,
            orders,
            changes,
            cache,
            loads: SingleFlight::new(),
        }
    }

    /// Places an order: whole, at the prices of this moment, with its units taken from stock; or
    /// not at all.
    ///
    /// # Errors
    ///
    /// `CustomerRequired`, `NotForAnother`, `Lines` or `Refused`, or what storage fails with.
    pub async fn place(
        &self,
        caller: &Caller,
        request: OrderRequest,
    ) -> Result<Arc<Order>, OrderError> {
        let customer_id = buyer(caller, request.customer_id)?;
        let order = NewOrder::new(customer_id, &request.lines).map_err(OrderError::Lines)?;
        let answers = self.desk.place(&[order]).await?;
        let answer = answers.into_iter().next();
        let placed = answer.ok_or_else(|| StorageError::internal("the desk gave no answer"))??;
        let placed = Arc::new(placed);
        self.cache.put(Arc::clone(&placed)).await;
        Ok(placed)
    }

    /// The order with this id, if it is the caller's to see.
    ///
    /// # Errors
    ///
    /// `NotFound`, or what storage fails with.
    pub async fn get(&self, caller: &Caller, id: OrderId) -> Result<Arc<Order>, OrderError> {
        let found = match self.cache.get(id).await {
            Some(order) => Some(order),
            None => self.load(id).await?,
        };
        found
            .filter(|order| caller.principal.may_see(order.customer_id))
            .ok_or(OrderError::NotFound)
    }

    /// Moves the order to another status. Asking for the status that it has changes nothing and
    /// succeeds.
    ///
    /// # Errors
    ///
    /// `NotFound` or `Move`, or what storage fails with.
    pub async fn change_status(
        &self,
        caller: &Caller,
        id: OrderId,
        to: OrderStatus,
    ) -> Result<Arc<Order>, OrderError> {
        let OpenStatusChange { order, unit } =
            self.changes.open(id).await?.ok_or(OrderError::NotFound)?;
        let decided = if caller.principal.may_see(order.customer_id) {
            order
                .move_to(to, caller.principal)
                .map_err(OrderError::from)
        } else {
            Err(OrderError::NotFound)
        };
        let order = match decided {
            Ok(Move::Changed(change)) => {
                unit.commit(&change).await?;
                change.order
            }
            Ok(Move::Unchanged) => {
                unit.abandon().await?;
                order
            }
            Err(refused) => {
                unit.abandon().await?;
                return Err(refused);
            }
        };
        let order = Arc::new(order);
        self.loads.forget(id);
        self.cache.put(Arc::clone(&order)).await;
        Ok(order)
    }

    async fn load(&self, id: OrderId) -> Result<Option<Arc<Order>>, StorageError> {
        let (orders, cache) = (Arc::clone(&self.orders), Arc::clone(&self.cache));
        let load = async move {
            let found = orders.find(id).await?.map(Arc::new);
            if let Some(order) = &found {
                cache.put(Arc::clone(order)).await;
            }
            Ok(found)
        };
        self.loads.join(id, load).await
    }
}

/// Who buys: customers order for themselves, the shop orders for whom it names.
fn buyer(caller: &Caller, named: Option<CustomerId>) -> Result<CustomerId, OrderError> {
    match (caller.principal, named) {
        (Principal::Customer(own), None) => Ok(own),
        (Principal::Customer(own), Some(named)) if own == named => Ok(own),
        (Principal::Customer(_), Some(_)) => Err(OrderError::NotForAnother),
        (Principal::Admin | Principal::Staff, Some(named)) => Ok(named),
        (Principal::Admin | Principal::Staff, None) => Err(OrderError::CustomerRequired),
    }
}

#[cfg(test)]
mod tests;
