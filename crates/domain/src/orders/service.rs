//! The use cases of orders.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use thiserror::Error;

use super::{
    Desk, DeskError, History, HistoryEntry, NewOrder, Order, OrderId, OrderLine, OrderRepository,
    OrderSort, OrdersFilter, Transition, TransitionRefused, TransitionRequest, TransitionStore,
    placement::{Outcome, Refusal, Request},
};
use crate::{
    Clock, StorageError,
    bulk::Export,
    cache::{Cache, ReadThrough},
    customers::CustomerId,
    idempotency::{Created, IdempotencyKey},
    identity::{Caller, Forbidden, Permission, Principal},
    unit_of_work::Opened,
    values::{Expected, Freshness, Page, PageRequest, Sort, ValueError},
};

/// Places orders, finds them, and takes them through their transitions.
pub struct OrderService {
    desk: Desk,
    orders: Arc<dyn OrderRepository>,
    transitions: Arc<dyn TransitionStore>,
    cached: ReadThrough<Order, StorageError>,
    clock: Arc<dyn Clock>,
}

/// The order that a caller wants to place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRequest {
    /// The customer whom it is for. Customers may leave it out; the shop must name one.
    pub customer_id: Option<CustomerId>,
    /// The requested lines.
    pub lines: Vec<OrderLine>,
}

/// Why an order was not placed, found or taken further.
#[derive(Debug, Error)]
pub enum OrderError {
    /// The caller lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The shop must name the customer it orders for.
    #[error("the shop must name the customer it orders for")]
    CustomerRequired,
    /// A customer cannot order for another customer.
    #[error("a customer cannot order for another customer")]
    NotForAnother,
    /// There is no line, or there are too many.
    #[error("the lines of the order: {0}")]
    Lines(ValueError),
    /// The order was decided on and refused: nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many orders are queued: this one was not decided on. A later attempt may succeed.
    #[error("the desk takes no more orders right now")]
    Busy,
    /// There is no such order, or the caller may not see it.
    #[error("there is no such order")]
    NotFound,
    /// The order has changed since the caller read it.
    #[error("the order has changed since it was read")]
    Stale,
    /// There is no such transition, or the caller may not make it.
    #[error(transparent)]
    Transition(#[from] TransitionRefused),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl OrderService {
    /// Places orders at `desk`, and reads them through `cache`.
    #[must_use]
    pub fn new(
        desk: Desk,
        orders: Arc<dyn OrderRepository>,
        transitions: Arc<dyn TransitionStore>,
        cache: Arc<dyn Cache<Order>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            desk,
            orders,
            transitions,
            cached: ReadThrough::new(cache),
            clock,
        }
    }

    /// Places an order as a whole or not at all: at the current prices, with its units taken from
    /// stock. With a key it is placed once, however often it is requested: a repeat gets the first
    /// answer. A refused order does not use up its key.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `CustomerRequired`, `NotForAnother`, `Lines`, `Refused`, `Busy`, or `Storage`.
    pub async fn place(
        &self,
        caller: &Caller,
        request: OrderRequest,
        key: Option<IdempotencyKey>,
    ) -> Result<Created<Order>, OrderError> {
        let request = to_the_desk(caller, &request)?;
        let request = match key {
            Some(key) => request.under(key),
            None => request,
        };
        // Not cached: most orders are never read, and the cache can hold nothing older.
        Ok(match self.desk.place(request).await? {
            Outcome::Placed(order) => Created {
                entity: order,
                is_replay: false,
            },
            Outcome::Replayed(order) => Created {
                entity: order,
                is_replay: true,
            },
        })
    }

    /// The order that placing would return now. Nothing is changed.
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

    /// The order with this id, if the caller may see it.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, or `Storage`.
    pub async fn get(&self, caller: &Caller, id: OrderId) -> Result<Arc<Order>, OrderError> {
        caller.must_have(Permission::OrdersRead)?;
        let load = || {
            let orders = Arc::clone(&self.orders);
            async move { orders.find(id).await }
        };
        let found = self.cached.get(id, load).await?;
        found
            .filter(|order| caller.principal.may_see(order.customer_id))
            .ok_or(OrderError::NotFound)
    }

    /// A page of the orders that the filter describes. Customers see their own, as they are now.
    ///
    /// # Errors
    ///
    /// `Forbidden`, or `Storage`.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: OrdersFilter,
        sort: Sort<OrderSort>,
        page: &PageRequest,
    ) -> Result<Page<Order>, OrderError> {
        match visible(caller, filter)? {
            Some(filter) => {
                let page = page.of(caller);
                Ok(self.orders.page(&filter, sort, &page).await?)
            }
            None => Ok(Page::empty()),
        }
    }

    /// The orders that the filter describes, as of one moment. Customers get their own, as they are now.
    ///
    /// # Errors
    ///
    /// `Forbidden`.
    pub fn export(
        &self,
        caller: &Caller,
        filter: OrdersFilter,
        freshness: Freshness,
    ) -> Result<Export<Order>, Forbidden> {
        Ok(match visible(caller, filter)? {
            Some(filter) => self.orders.export(filter, freshness.of(Some(caller))),
            None => Export::empty(),
        })
    }

    /// The histories of all orders of this customer, if the caller may see them.
    ///
    /// # Errors
    ///
    /// `Forbidden`.
    pub fn histories(
        &self,
        caller: &Caller,
        customer_id: CustomerId,
    ) -> Result<Export<(OrderId, HistoryEntry)>, Forbidden> {
        caller.must_have(Permission::OrdersRead)?;
        if !caller.principal.may_see(customer_id) {
            return Ok(Export::empty());
        }
        let reader = caller.clone();
        let export = self.orders.histories(customer_id);
        let batches = export.batches.map_ok(move |batch| {
            let seen = |(id, entry): (OrderId, HistoryEntry)| (id, entry.seen_by(&reader));
            batch.into_iter().map(seen).collect()
        });
        Ok(Export {
            batches: batches.boxed(),
            ..export
        })
    }

    /// The history of the order with this id, if the caller may see it. Customers do not see which
    /// account of the shop did something.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, or `Storage`.
    pub async fn history(&self, caller: &Caller, id: OrderId) -> Result<History, OrderError> {
        caller.must_have(Permission::OrdersRead)?;
        let found = self.orders.history(id).await?;
        let history = found
            .filter(|history| caller.principal.may_see(history.customer_id))
            .ok_or(OrderError::NotFound)?;
        Ok(history.seen_by(caller))
    }

    /// Takes the order to another status. Asking for the status that it has changes nothing and
    /// succeeds.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, `Stale`, `Transition`, or `Storage`.
    pub async fn transition(
        &self,
        caller: &Caller,
        id: OrderId,
        request: TransitionRequest,
        expected: &Expected,
    ) -> Result<Arc<Order>, OrderError> {
        caller.must_have(Permission::OrdersWrite)?;
        let (locks, by) = (request.to.locks(), caller.principal);
        let opened = self.transitions.open(id, locks, by).await?;
        let Opened { state: order, unit } = opened.ok_or(OrderError::NotFound)?;
        let transition = match self.decide(&order, request, expected, caller) {
            Ok(Some(transition)) => transition,
            Ok(None) => {
                unit.abandon().await?;
                return Ok(self.publish(order).await);
            }
            Err(refused) => {
                unit.abandon().await?;
                return Err(refused);
            }
        };
        self.cached.outdate(id, transition.order.version).await;
        unit.commit(&transition).await.map_err(StorageError::from)?;
        Ok(self.publish(transition.order).await)
    }

    /// Decides a transition of an order that the caller may see.
    fn decide(
        &self,
        order: &Order,
        request: TransitionRequest,
        expected: &Expected,
        caller: &Caller,
    ) -> Result<Option<Transition>, OrderError> {
        if !caller.principal.may_see(order.customer_id) {
            return Err(OrderError::NotFound);
        }
        if !expected.allows(&order.version) && request.to != order.status {
            return Err(OrderError::Stale);
        }
        Ok(order.transition(request, caller, self.clock.now())?)
    }

    async fn publish(&self, order: Order) -> Arc<Order> {
        let order = Arc::new(order);
        self.cached.publish(Arc::clone(&order)).await;
        order
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

/// The part of a filter that the caller may see; `None` when that is nothing.
fn visible(caller: &Caller, filter: OrdersFilter) -> Result<Option<OrdersFilter>, Forbidden> {
    caller.must_have(Permission::OrdersRead)?;
    let customer_id = match (caller.principal.customer_id(), filter.customer_id) {
        (Some(own), Some(named)) if own != named => return Ok(None),
        (own, named) => own.or(named),
    };
    Ok(Some(OrdersFilter {
        customer_id,
        ..filter
    }))
}

/// The request to the desk, if the caller may make it.
fn to_the_desk(caller: &Caller, request: &OrderRequest) -> Result<Request, OrderError> {
    caller.must_have(Permission::OrdersWrite)?;
    let customer_id = buyer(caller, request.customer_id)?;
    let order = NewOrder::new(customer_id, &request.lines).map_err(OrderError::Lines)?;
    Ok(Request::new(caller.into(), order))
}

/// The customer whom the order is for: customers order for themselves, the shop for the customer it
/// names.
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
