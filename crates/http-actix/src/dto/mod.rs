//! The wire format: it translates between the names of the API and those of the domain. A request
//! becomes domain values, which are valid by construction, or a list of everything that is wrong
//! with it.

#![expect(
    clippy::struct_field_names,
    reason = "a field's name is that of the API"
)]

mod api_keys;
mod audit;
mod catalog;
mod customers;
mod identity;
mod input;
mod orders;
mod reader;
mod stock;
pub(crate) mod tokens;
mod users;
pub(crate) mod wire;

pub(crate) use api_keys::{ApiKey, MadeApiKey, NewApiKey};
pub(crate) use audit::{AuditEntry, AuditParameters};
pub(crate) use catalog::{
    BestSeller, BestSellersParameters, ImportParameters, NewProduct, Product, ProductPatch,
    ProductRow, ProductsParameters,
};
pub(crate) use customers::{
    AccountRecord, Customer, CustomerPatch, CustomersParameters, NewCustomer, PersonalData,
};
pub(crate) use identity::{
    Credentials, Me, NewPassword, PasswordReset, PublicKeys, RefreshRequest, Session, Token,
};
pub(crate) use input::{Described, Everything, Field, InSequence, PageParameters, Paged, Property};
pub(crate) use orders::{
    NewOrder, NewStatus, Order, OrderHistory, OrderHistoryEntry, OrdersParameters, PlaceParameters,
    Quote,
};
pub(crate) use reader::{Fields, Input, Wrong, read_body, read_line, read_query, read_record};
pub(crate) use stock::{
    LedgerEntry, LevelsParameters, NewMovement, NewStockLevel, ProductStock, Stock,
};
pub(crate) use users::{NewUser, OfferedReset, User, UserPatch, UsersParameters};

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::json;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

/// An amount of money: a decimal with two places, as a string.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Money(Decimal);

impl PartialSchema for Money {
    fn schema() -> RefOr<Schema> {
        let money = wire::string()
            .description(Some("An amount of money: a decimal with two places."))
            .pattern(Some(r"^[0-9]+\.[0-9]{2}$"))
            .examples([json!("19.90")]);
        money.into()
    }
}

impl ToSchema for Money {}

#[cfg(test)]
mod tests;
