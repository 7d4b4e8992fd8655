//! Orders: placing them, looking them up, moving them through their life.

use std::sync::Arc;

use thiserror::Error;

use super::{
    desk::{Desk, DeskError},
    single_flight::SingleFlight,
};
use crate::{
    Caller, CustomerId, IdempotencyKey, Move, MoveRefused, NewOrder, Order, OrderId, OrderLine,
    OrderStatus, Principal, StorageError, ValueError,
    placement::{Outcome, Refusal, Request},
    ports::{OpenStatusChange, OrderCache, OrderRepository, StatusChangeStore},
};

/// What is bought.
pub struct OrderService {
    desk: Desk,
    orders: Arc<dyn OrderRepository>,
    changes: Arc<dyn StatusChangeStore>,
    cache: Arc<dyn OrderCache>,
    loads: SingleFlight<OrderId, Order, StorageError>,
}

/// What somebody says who places an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRequest {
    /// For whom; customers order for themselves and need not say so.
    pub customer_id: Option<CustomerId>,
    /// What is wanted.
    pub lines: Vec<OrderLine>,
}

/// An order that was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedOrder {
    /// The order, as it was when it was placed.
    pub order: Order,
    /// Whether it was placed before, by a request with the same key.
    pub is_replay: bool,
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
    /// Too many orders wait: this one was not looked at. A later try may succeed.
    #[error("the desk takes no more orders right now")]
    Busy,
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
    /// not at all. With a key it is placed once, however often it is asked for: a repeat is
    /// answered as the first was. A refused order does not use its key up.
    ///
    /// # Errors
    ///
    /// `CustomerRequired`, `NotForAnother`, `Lines`, `Refused` or `Busy`, or what storage fails
    /// with.
    pub async fn place(
        &self,
        caller: &Caller,
        request: OrderRequest,
        key: Option<IdempotencyKey>,
    ) -> Result<PlacedOrder, OrderError> {
        let request = to_the_desk(caller, &request)?;
        let request = match key {
            Some(key) => request.under(key),
            None => request,
        };
        // Not told to the cache: most orders are never read, and nothing older can be kept.
        Ok(match self.desk.place(request).await? {
            Outcome::Placed(order) => PlacedOrder {
                order,
                is_replay: false,
            },
            Outcome::Replayed(order) => PlacedOrder {
                order,
                is_replay: true,
            },
        })
    }

    /// What placing this order would answer now. Nothing is changed.
    ///
    /// # Errors
    ///
    /// As `place`.
    pub async fn quote(
        &self,
        caller: &Caller,
        request: &OrderRequest,
    ) -> Result<Order, OrderError> {
        Ok(self.desk.quote(to_the_desk(caller, request)?).await?)
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
        let opened = self.changes.open(id, to.locks()).await?;
        let OpenStatusChange { order, unit } = opened.ok_or(OrderError::NotFound)?;
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
        self.loads.join_later(id, load).await
    }
}

impl From<DeskError> for OrderError {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Refused(refusal) => Self::Refused(refusal),
            DeskError::Full => Self::Busy,
            DeskError::Storage(error) => Self::Storage(error),
        }
    }
}

/// What is asked of the desk, and by whom.
fn to_the_desk(caller: &Caller, request: &OrderRequest) -> Result<Request, OrderError> {
    let customer_id = buyer(caller, request.customer_id)?;
    let order = NewOrder::new(customer_id, &request.lines).map_err(OrderError::Lines)?;
    Ok(Request::new(caller.account_id, order))
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
