//! The placement decision: which orders of a batch are placed, at which prices, and what each
//! refused one lacks. Plain Rust over locked rows, without I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use thiserror::Error;
use time::OffsetDateTime;

use super::{NewOrder, Order, OrderId, OrderItem, OrderItemId, OrderLine, OrderStatus};
use crate::{
    IdSource,
    catalog::ProductId,
    customers::CustomerId,
    idempotency::{Fingerprint, IdempotencyKey, ScopedKey},
    identity::{AccountId, Actor},
    stock::StockLevel,
    values::{Price, Quantity, Version},
};

/// An order to be placed, who sent it, and its key if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    by: Actor,
    order: NewOrder,
    key: Option<(ScopedKey, Fingerprint)>,
}

impl Request {
    /// A request without a key, which is placed each time it is sent.
    #[must_use]
    pub fn new(by: Actor, order: NewOrder) -> Self {
        Self {
            by,
            order,
            key: None,
        }
    }

    /// The same request with a key: it is placed once, however often it is sent.
    #[must_use]
    pub fn under(self, key: IdempotencyKey) -> Self {
        let key = ScopedKey {
            account_id: self.by.account_id,
            key,
        };
        Self {
            key: Some((key, self.order.fingerprint())),
            ..self
        }
    }

    /// The order to be placed.
    #[must_use]
    pub const fn order(&self) -> &NewOrder {
        &self.order
    }

    pub(crate) fn products(&self) -> impl Iterator<Item = ProductId> {
        self.order.lines().iter().map(|line| line.product_id)
    }
}

/// The rows that the decision about a batch needs, each once and in id order. Batches that lock in
/// this order cannot deadlock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The products whose stock is to be locked.
    pub products: Vec<ProductId>,
    /// The customers whom the orders are for.
    pub customers: Vec<CustomerId>,
    /// The accounts that sent the requests.
    pub accounts: Vec<AccountId>,
    /// The keys under which orders may have been placed before.
    pub keys: Vec<ScopedKey>,
}

impl Scope {
    /// The rows that the requests of `batch` need.
    #[must_use]
    pub fn of(batch: &[Request]) -> Self {
        let keys = batch.iter().filter_map(|request| request.key.as_ref());
        Self {
            products: in_order(batch.iter().flat_map(Request::products)),
            customers: in_order(batch.iter().map(|request| request.order.customer_id())),
            accounts: in_order(batch.iter().map(|request| request.by.account_id)),
            keys: in_order(keys.map(|(key, _)| key.clone())),
        }
    }
}

/// The items without duplicates, sorted.
fn in_order<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    items.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The price and the stock of one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The price of one unit.
    pub price: Price,
    /// The units that can be ordered.
    pub available: StockLevel,
}

/// The locked state on which a batch is decided. What is not in it does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The products of the batch whose stock could be read.
    pub offers: HashMap<ProductId, Offer>,
    /// The products of the batch whose stock another transaction keeps locked. Their stock is
    /// unknown, and they are not among the offers.
    pub held: HashSet<ProductId>,
    /// The customers of the batch that exist.
    pub customers: HashSet<CustomerId>,
    /// The accounts of the batch that exist.
    pub accounts: HashSet<AccountId>,
    /// The earlier placements under the keys of the batch.
    pub keyed: HashMap<ScopedKey, Keyed>,
}

/// An earlier placement under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    /// The fingerprint of the request that was placed.
    pub fingerprint: Fingerprint,
    /// The order that was placed; its status may have changed since.
    pub order: Order,
}

/// A line that asks for more units than there are in stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortLine {
    /// The product.
    pub product_id: ProductId,
    /// The units that were requested.
    pub requested: Quantity,
    /// The units that were available at that moment.
    pub available: StockLevel,
}

/// Why an order was not placed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The account that sent the request was deleted.
    #[error("the account does not exist any more")]
    UnknownAccount,
    /// The key was used for another request before.
    #[error("the idempotency key stands for another request")]
    KeyReused,
    /// Another transaction keeps the stock of this product locked: it cannot be ordered before that
    /// one ends.
    #[error("the stock of product {product_id} is held by somebody else")]
    Held {
        /// The first such product of the order.
        product_id: ProductId,
    },
    /// There is no such customer.
    #[error("the customer does not exist")]
    UnknownCustomer,
    /// These products do not exist.
    #[error("{} of the products do not exist", products.len())]
    UnknownProducts {
        /// All of them, in the sequence of the order.
        products: Vec<ProductId>,
    },
    /// These lines ask for more units than there are in stock.
    #[error("{} of the lines ask for more than is in stock", lines.len())]
    InsufficientStock {
        /// All of them, in the sequence of the order.
        lines: Vec<ShortLine>,
    },
}

/// The outcome of a request that was not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The order was placed now.
    Placed(Order),
    /// The order was placed before, under the same key. This was the answer then.
    Replayed(Order),
}

/// The decision about a batch: one answer for each request, in the same sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    answers: Vec<Result<Outcome, Refusal>>,
    keys: Vec<(ScopedKey, Fingerprint, OrderId)>,
    /// Who placed each of the orders to write.
    placed_by: Vec<Actor>,
}

impl Plan {
    /// The orders to write, in the sequence of the batch.
    pub fn accepted(&self) -> impl Iterator<Item = &Order> {
        self.answers.iter().filter_map(|answer| match answer {
            Ok(Outcome::Placed(order)) => Some(order),
            Ok(Outcome::Replayed(_)) | Err(_) => None,
        })
    }

    /// The same, each with who placed it.
    pub fn placed(&self) -> impl Iterator<Item = (&Order, &Actor)> {
        self.accepted().zip(&self.placed_by)
    }

    /// The keys to write, each with its fingerprint and the order that was placed under it.
    #[must_use]
    pub fn keys(&self) -> &[(ScopedKey, Fingerprint, OrderId)] {
        &self.keys
    }

    /// The units to take from stock, one entry per product, in id order.
    #[must_use]
    pub fn taken(&self) -> BTreeMap<ProductId, i64> {
        let mut taken = BTreeMap::new();
        for item in self.accepted().flat_map(|order| &order.items) {
            *taken.entry(item.product_id).or_default() += i64::from(item.quantity.units());
        }
        taken
    }

    /// The answers, one for each request of the batch.
    #[must_use]
    pub fn into_answers(self) -> Vec<Result<Outcome, Refusal>> {
        self.answers
    }
}

/// Decides a batch, request by request, in the sequence of arrival. The units of an accepted order
/// are not available to later ones; a refused order takes nothing, and does not use up its key.
#[must_use]
pub fn decide(state: State, batch: &[Request], now: OffsetDateTime, ids: &dyn IdSource) -> Plan {
    let mut decision = Decision {
        state,
        keys: Vec::new(),
        placed_by: Vec::new(),
        now,
        ids,
    };
    Plan {
        answers: batch
            .iter()
            .map(|request| decision.answer(request))
            .collect(),
        keys: decision.keys,
        placed_by: decision.placed_by,
    }
}

/// The order that placing this request alone would return. Nothing is taken from the state.
///
/// # Errors
///
/// Why the request would be refused.
pub fn quote(
    state: &State,
    request: &Request,
    now: OffsetDateTime,
    ids: &dyn IdSource,
) -> Result<Order, Refusal> {
    state.admit(request)?;
    let priced = price(&request.order, state)?;
    Ok(order(&request.order, &priced, now, ids))
}

impl State {
    /// Refuses a request whose account no longer exists.
    fn admit(&self, request: &Request) -> Result<(), Refusal> {
        if self.accounts.contains(&request.by.account_id) {
            Ok(())
        } else {
            Err(Refusal::UnknownAccount)
        }
    }
}

/// A decision in progress: the state after the requests so far.
struct Decision<'a> {
    state: State,
    keys: Vec<(ScopedKey, Fingerprint, OrderId)>,
    placed_by: Vec<Actor>,
    now: OffsetDateTime,
    ids: &'a dyn IdSource,
}

impl Decision<'_> {
    fn answer(&mut self, request: &Request) -> Result<Outcome, Refusal> {
        self.state.admit(request)?;
        let Some((key, fingerprint)) = &request.key else {
            return self.place(request).map(Outcome::Placed);
        };
        match self.state.keyed.get(key) {
            Some(keyed) if keyed.fingerprint == *fingerprint => {
                return Ok(Outcome::Replayed(keyed.order.clone().as_placed()));
            }
            Some(_) => return Err(Refusal::KeyReused),
            None => {}
        }
        let order = self.place(request)?;
        self.keys.push((key.clone(), *fingerprint, order.id));
        let keyed = Keyed {
            fingerprint: *fingerprint,
            order: order.clone(),
        };
        self.state.keyed.insert(key.clone(), keyed);
        Ok(Outcome::Placed(order))
    }

    fn place(&mut self, request: &Request) -> Result<Order, Refusal> {
        let new = &request.order;
        let priced = price(new, &self.state)?;
        for line in &priced {
            self.state.offers.insert(line.product_id, line.left);
        }
        self.placed_by.push(request.by.clone());
        Ok(order(new, &priced, self.now, self.ids))
    }
}

/// The order that is placed when there is enough of every line.
fn order(new: &NewOrder, priced: &[PricedLine], now: OffsetDateTime, ids: &dyn IdSource) -> Order {
    let item = |line: &PricedLine| OrderItem {
        id: OrderItemId::new(ids.next_id()),
        product_id: line.product_id,
        quantity: line.quantity,
        unit_price: line.left.price,
    };
    Order {
        id: OrderId::new(ids.next_id()),
        customer_id: new.customer_id(),
        placed_at: now,
        status: OrderStatus::Pending,
        items: priced.iter().map(item).collect(),
        version: Version::FIRST,
    }
}

/// A line of which there is enough, and what its product offers afterwards.
struct PricedLine {
    product_id: ProductId,
    quantity: Quantity,
    left: Offer,
}

/// Prices every line of an order, or returns why the order is refused.
fn price(order: &NewOrder, state: &State) -> Result<Vec<PricedLine>, Refusal> {
    if !state.customers.contains(&order.customer_id()) {
        return Err(Refusal::UnknownCustomer);
    }
    let lines = order.lines();
    let is_held = |line: &&OrderLine| state.held.contains(&line.product_id);
    if let Some(&OrderLine { product_id, .. }) = lines.iter().find(is_held) {
        return Err(Refusal::Held { product_id });
    }
    let mut priced = Vec::with_capacity(lines.len());
    let mut unknown = Vec::new();
    let mut short = Vec::new();
    for &OrderLine {
        product_id,
        quantity,
    } in lines
    {
        let Some(offer) = state.offers.get(&product_id) else {
            unknown.push(product_id);
            continue;
        };
        match offer.available.take(quantity) {
            Some(available) => priced.push(PricedLine {
                product_id,
                quantity,
                left: Offer {
                    available,
                    ..*offer
                },
            }),
            None => short.push(ShortLine {
                product_id,
                requested: quantity,
                available: offer.available,
            }),
        }
    }
    if !unknown.is_empty() {
        return Err(Refusal::UnknownProducts { products: unknown });
    }
    if !short.is_empty() {
        return Err(Refusal::InsufficientStock { lines: short });
    }
    Ok(priced)
}

#[cfg(test)]
mod tests;
