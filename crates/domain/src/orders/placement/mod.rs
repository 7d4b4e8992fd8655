//! The placement decision: which orders of a batch are placed, at which prices, and what each
//! refused one lacks. Plain Rust over locked rows, without I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use thiserror::Error;
use time::OffsetDateTime;

use super::{
    Fingerprint, IdempotencyKey, NewOrder, Order, OrderId, OrderItem, OrderItemId, OrderLine,
    OrderStatus, ScopedKey,
};
use crate::{
    IdSource,
    catalog::ProductId,
    customers::CustomerId,
    identity::AccountId,
    stock::StockLevel,
    values::{Price, Quantity, Version},
};

/// An order to be placed, with who asks for it and what makes a repeat of it known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    account_id: AccountId,
    order: NewOrder,
    key: Option<(ScopedKey, Fingerprint)>,
}

impl Request {
    /// A request that is placed as often as it is sent.
    #[must_use]
    pub const fn new(account_id: AccountId, order: NewOrder) -> Self {
        Self {
            account_id,
            order,
            key: None,
        }
    }

    /// The same request, placed once however often it is sent under this key.
    #[must_use]
    pub fn under(self, key: IdempotencyKey) -> Self {
        let key = ScopedKey {
            account_id: self.account_id,
            key,
        };
        Self {
            key: Some((key, Fingerprint::of(&self.order))),
            ..self
        }
    }

    /// What is to be placed.
    #[must_use]
    pub const fn order(&self) -> &NewOrder {
        &self.order
    }

    /// The products that it asks for.
    pub(crate) fn products(&self) -> impl Iterator<Item = ProductId> {
        self.order.lines().iter().map(|line| line.product_id)
    }
}

/// What a batch touches: the rows that the decision needs, each once and in id order, so that
/// whoever locks them in this order can never deadlock with another batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The products whose stock is to be locked.
    pub products: Vec<ProductId>,
    /// The customers who buy.
    pub customers: Vec<CustomerId>,
    /// The accounts that ask.
    pub accounts: Vec<AccountId>,
    /// The keys under which something may have been placed before.
    pub keys: Vec<ScopedKey>,
}

impl Scope {
    /// What the orders of `batch` touch.
    #[must_use]
    pub fn of(batch: &[Request]) -> Self {
        let keys = batch.iter().filter_map(|request| request.key.as_ref());
        Self {
            products: in_order(batch.iter().flat_map(Request::products)),
            customers: in_order(batch.iter().map(|request| request.order.customer_id())),
            accounts: in_order(batch.iter().map(|request| request.account_id)),
            keys: in_order(keys.map(|(key, _)| key.clone())),
        }
    }
}

/// Each once, in order.
fn in_order<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    items.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What placement needs to know of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// What one unit costs.
    pub price: Price,
    /// The units that can be ordered.
    pub available: StockLevel,
}

/// The locked state that a batch is decided on. What is not in it does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The products of the batch.
    pub offers: HashMap<ProductId, Offer>,
    /// The products of the batch whose stock somebody else holds: what there is of them is not
    /// known, and they are not among the offers.
    pub held: HashSet<ProductId>,
    /// The customers of the batch.
    pub customers: HashSet<CustomerId>,
    /// The accounts of the batch.
    pub accounts: HashSet<AccountId>,
    /// What was placed before under the keys of the batch.
    pub keyed: HashMap<ScopedKey, Keyed>,
}

/// What was placed under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    /// What was asked for.
    pub fingerprint: Fingerprint,
    /// What was placed; it may have moved on since.
    pub order: Order,
}

/// A line that asks for more than there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortLine {
    /// The product.
    pub product_id: ProductId,
    /// The units that were asked for.
    pub requested: Quantity,
    /// The units that could have been ordered at that moment.
    pub available: StockLevel,
}

/// Why an order was not placed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The account that asks is gone.
    #[error("the account does not exist any more")]
    UnknownAccount,
    /// The key stands for another request already.
    #[error("the idempotency key stands for another request")]
    KeyReused,
    /// Somebody else holds the stock of this product: it cannot be ordered before they are done.
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
        /// Every one of them, in the order's sequence.
        products: Vec<ProductId>,
    },
    /// These lines ask for more than there is.
    #[error("{} of the lines ask for more than is in stock", lines.len())]
    InsufficientStock {
        /// Every one of them, in the order's sequence.
        lines: Vec<ShortLine>,
    },
}

/// What became of a request that was not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was placed now.
    Placed(Order),
    /// It was placed before, under the same key, and answered with this.
    Replayed(Order),
}

/// What is to be done with a batch: one answer for each request, in the same sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    answers: Vec<Result<Outcome, Refusal>>,
    keys: Vec<(ScopedKey, Fingerprint, OrderId)>,
}

impl Plan {
    /// The orders to write, in the sequence of the batch.
    pub fn accepted(&self) -> impl Iterator<Item = &Order> {
        self.answers.iter().filter_map(|answer| match answer {
            Ok(Outcome::Placed(order)) => Some(order),
            Ok(Outcome::Replayed(_)) | Err(_) => None,
        })
    }

    /// The keys to write, each with what was asked for and what was placed under it.
    #[must_use]
    pub fn keys(&self) -> &[(ScopedKey, Fingerprint, OrderId)] {
        &self.keys
    }

    /// The units to take from stock, one entry a product, in id order.
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

/// Decides a batch: goes through it in the sequence of arrival, and says for each request whether
/// its order is placed. What an accepted order takes is no longer there for those behind it; a
/// refused one takes nothing, and does not use up its key.
#[must_use]
pub fn decide(state: State, batch: &[Request], now: OffsetDateTime, ids: &dyn IdSource) -> Plan {
    let mut decision = Decision {
        state,
        keys: Vec::new(),
        now,
        ids,
    };
    Plan {
        answers: batch
            .iter()
            .map(|request| decision.answer(request))
            .collect(),
        keys: decision.keys,
    }
}

/// What placing one order would answer, were it alone: nothing is taken from the state.
///
/// # Errors
///
/// Why it would be refused.
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
    /// Whether the account of a request still exists.
    fn admit(&self, request: &Request) -> Result<(), Refusal> {
        if self.accounts.contains(&request.account_id) {
            Ok(())
        } else {
            Err(Refusal::UnknownAccount)
        }
    }
}

/// A decision under way: the state as the requests so far have left it.
struct Decision<'a> {
    state: State,
    keys: Vec<(ScopedKey, Fingerprint, OrderId)>,
    now: OffsetDateTime,
    ids: &'a dyn IdSource,
}

impl Decision<'_> {
    fn answer(&mut self, request: &Request) -> Result<Outcome, Refusal> {
        self.state.admit(request)?;
        let Some((key, fingerprint)) = &request.key else {
            return self.place(&request.order).map(Outcome::Placed);
        };
        match self.state.keyed.get(key) {
            Some(keyed) if keyed.fingerprint == *fingerprint => {
                return Ok(Outcome::Replayed(keyed.order.clone().as_placed()));
            }
            Some(_) => return Err(Refusal::KeyReused),
            None => {}
        }
        let order = self.place(&request.order)?;
        self.keys.push((key.clone(), *fingerprint, order.id));
        let keyed = Keyed {
            fingerprint: *fingerprint,
            order: order.clone(),
        };
        self.state.keyed.insert(key.clone(), keyed);
        Ok(Outcome::Placed(order))
    }

    fn place(&mut self, new: &NewOrder) -> Result<Order, Refusal> {
        let priced = price(new, &self.state)?;
        for line in &priced {
            self.state.offers.insert(line.product_id, line.left);
        }
        Ok(order(new, &priced, self.now, self.ids))
    }
}

/// The order that is placed when every line of it can be served.
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

/// A line that can be served, and what its product offers afterwards.
struct PricedLine {
    product_id: ProductId,
    quantity: Quantity,
    left: Offer,
}

/// Prices every line of an order, or says everything that stands against it.
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
