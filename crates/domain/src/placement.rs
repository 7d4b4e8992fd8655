//! The placement decision: which orders of a batch are placed, at which prices, and what each
//! refused one lacks. Plain Rust over locked rows, without I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use thiserror::Error;
use time::OffsetDateTime;

use crate::{
    CustomerId, NewOrder, Order, OrderId, OrderItem, OrderItemId, OrderLine, OrderStatus, Price,
    ProductId, Quantity, StockLevel, Version, ports::IdSource,
};

/// What a batch touches: the rows that the decision needs, each once and in id order, so that
/// whoever locks them in this order can never deadlock with another batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The products whose stock is to be locked.
    pub products: Vec<ProductId>,
    /// The customers who buy.
    pub customers: Vec<CustomerId>,
}

impl Scope {
    /// What the orders of `batch` touch.
    #[must_use]
    pub fn of(batch: &[NewOrder]) -> Self {
        let lines = batch.iter().flat_map(NewOrder::lines);
        let products: BTreeSet<_> = lines.map(|line| line.product_id).collect();
        let customers: BTreeSet<_> = batch.iter().map(NewOrder::customer_id).collect();
        Self {
            products: products.into_iter().collect(),
            customers: customers.into_iter().collect(),
        }
    }
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
    /// The customers of the batch.
    pub customers: HashSet<CustomerId>,
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

/// What is to be done with a batch: one answer for each order, in the same sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    answers: Vec<Result<Order, Refusal>>,
}

impl Plan {
    /// The orders to write, in the sequence of the batch.
    pub fn accepted(&self) -> impl Iterator<Item = &Order> {
        self.answers
            .iter()
            .filter_map(|answer| answer.as_ref().ok())
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

    /// The answers, one for each order of the batch.
    #[must_use]
    pub fn into_answers(self) -> Vec<Result<Order, Refusal>> {
        self.answers
    }
}

/// Decides a batch: goes through it in the sequence of arrival, and says for each order whether
/// it is placed. What an accepted order takes is no longer there for those behind it; a refused
/// one takes nothing.
#[must_use]
pub fn decide(state: State, batch: &[NewOrder], now: OffsetDateTime, ids: &dyn IdSource) -> Plan {
    let State {
        mut offers,
        customers,
    } = state;
    let mut decide_one = |order: &NewOrder| {
        if !customers.contains(&order.customer_id()) {
            return Err(Refusal::UnknownCustomer);
        }
        let priced = price(order.lines(), &offers)?;
        for line in &priced {
            offers.insert(line.product_id, line.left);
        }
        Ok(Order {
            id: OrderId::new(ids.next_id()),
            customer_id: order.customer_id(),
            placed_at: now,
            status: OrderStatus::Pending,
            items: priced
                .iter()
                .map(|line| OrderItem {
                    id: OrderItemId::new(ids.next_id()),
                    product_id: line.product_id,
                    quantity: line.quantity,
                    unit_price: line.left.price,
                })
                .collect(),
            version: Version::FIRST,
        })
    };
    Plan {
        answers: batch.iter().map(&mut decide_one).collect(),
    }
}

/// A line that can be served, and what its product offers afterwards.
struct PricedLine {
    product_id: ProductId,
    quantity: Quantity,
    left: Offer,
}

/// Prices every line of an order, or says everything that stands against it.
fn price(
    lines: &[OrderLine],
    offers: &HashMap<ProductId, Offer>,
) -> Result<Vec<PricedLine>, Refusal> {
    let mut priced = Vec::with_capacity(lines.len());
    let mut unknown = Vec::new();
    let mut short = Vec::new();
    for &OrderLine {
        product_id,
        quantity,
    } in lines
    {
        let Some(offer) = offers.get(&product_id) else {
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
