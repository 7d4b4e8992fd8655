//! What is on the wire: the words of the API on one side, those of the domain on the other. A
//! request becomes domain values that are right by construction, or a list of everything that is
//! wrong with it.

mod body;
mod catalog;
mod customers;
mod identity;
mod orders;
mod query;

pub(crate) use body::{FromBody, read_body};
pub(crate) use catalog::{BestSellersBody, NewLevel, ProductBody, StockBody};
pub(crate) use customers::CustomerBody;
pub(crate) use identity::{Credentials, TokenBody};
pub(crate) use orders::{NewStatus, OrderBody, PlaceQuery, QuoteBody};
pub(crate) use query::{FromQuery, read_query};

#[cfg(test)]
mod tests;
