//! The problems of orders.

use domain::orders::{
    OrderError, OrderStatus, TransitionRefused,
    placement::{Refusal, ShortLine},
};
use serde_json::json;

use super::{Code, Fault, Problem, value_code};

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::CustomerRequired => Self::invalid(vec![Fault::at(
                "/customer_id",
                "required",
                "is needed: the shop orders for a customer",
            )]),
            OrderError::NotForAnother => Self::new(Code::Forbidden)
                .detail("customers order for themselves: leave customer_id out"),
            OrderError::Lines(error) => Self::invalid(vec![Fault::at(
                "/itens",
                value_code(&error),
                error.to_string(),
            )]),
            OrderError::Refused(refusal) => refusal.into(),
            OrderError::Busy => Self::new(Code::Unavailable)
                .detail("too many orders are waiting: this one was not looked at"),
            OrderError::Stale => Self::new(Code::Stale),
            OrderError::NotFound => Self::new(Code::NotFound),
            OrderError::Transition(refused) => refused.into(),
            OrderError::Forbidden(forbidden) => forbidden.into(),
            OrderError::Storage(error) => error.into(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownAccount => {
                Self::new(Code::SessionEnded).detail("the account of this token is gone")
            }
            Refusal::Held { product_id } => Self::new(Code::Unavailable).detail(format!(
                "the stock of product {product_id} is being changed: nothing was placed"
            )),
            Refusal::KeyReused => Self::new(Code::IdempotencyKeyReused),
            Refusal::UnknownCustomer => Self::invalid(vec![Fault::at(
                "/customer_id",
                "unknown_customer",
                "names no customer",
            )]),
            Refusal::UnknownProducts { products } => {
                let unknown = products.iter().map(|id| {
                    let detail = format!("{id} is no product");
                    Fault::at("/itens", "unknown_product", detail)
                        .with("product_id", id.to_string())
                });
                Self::invalid(unknown.collect())
            }
            Refusal::InsufficientStock { lines } => {
                Self::new(Code::InsufficientStock).faults(lines.iter().map(short).collect())
            }
        }
    }
}

fn short(line: &ShortLine) -> Fault {
    let (requested, available) = (line.requested.units(), line.available.units());
    let detail = format!("{requested} requested, {available} available");
    Fault::at("/itens", Code::InsufficientStock.as_str(), detail)
        .with("product_id", line.product_id.to_string())
        .with("requested", requested)
        .with("available", available)
}

impl From<TransitionRefused> for Problem {
    fn from(refused: TransitionRefused) -> Self {
        match refused {
            TransitionRefused::Illegal { from, to } => {
                let allowed: Vec<_> = from.transitions().iter().map(|s| s.as_str()).collect();
                Self::new(Code::IllegalTransition)
                    .detail(refused.to_string())
                    .with("from", from.as_str())
                    .with("to", to.as_str())
                    .with("allowed", json!(allowed))
            }
            TransitionRefused::NotForCustomers { from, to } => {
                Self::new(Code::Forbidden).detail(format!(
                    "customers may take orders from {} to {}, not from {from} to {to}",
                    OrderStatus::Pending,
                    OrderStatus::Cancelled
                ))
            }
        }
    }
}
