//! The rows that a plan writes, column by column: the statements take whole columns, so that one
//! statement writes any number of orders.

use domain::{
    idempotency::{Fingerprint, ScopedKey},
    identity::Actor,
    orders::{Order, OrderId},
};
use rust_decimal::Decimal;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::statements::Value;

pub(super) const INSERT_ORDERS: &str = "
    with placed as (
        insert into orders
            (id, customer_id, data_order, status, version, placed_by, placed_by_role)
        select id, customer_id, data_order, status, version, placed_by, placed_by_role
        from unnest(
            $1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::bigint[], $6::uuid[],
            $7::text[]
        ) as placed (id, customer_id, data_order, status, version, placed_by, placed_by_role)
    )
    insert into itens_order (id, order_id, product_id, quantidade, preco_unitario)
    select id, order_id, product_id, quantidade, preco_unitario
    from unnest($8::uuid[], $9::uuid[], $10::uuid[], $11::bigint[], $12::numeric[])
        as placed (id, order_id, product_id, quantidade, preco_unitario)";

pub(super) const INSERT_KEYS: &str = "
    insert into idempotency_keys (account_id, key, fingerprint, order_id, created_at)
    select account_id, key, fingerprint, order_id, now()
    from unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[])
        as placed (account_id, key, fingerprint, order_id)";

/// Orders and their items, column by column.
#[derive(Default)]
pub(super) struct OrderColumns {
    ids: Vec<Uuid>,
    customers: Vec<Uuid>,
    placed_at: Vec<OffsetDateTime>,
    statuses: Vec<&'static str>,
    versions: Vec<i64>,
    placed_by: Vec<Uuid>,
    placed_by_roles: Vec<&'static str>,
    items: ItemColumns,
}

#[derive(Default)]
struct ItemColumns {
    ids: Vec<Uuid>,
    orders: Vec<Uuid>,
    products: Vec<Uuid>,
    quantities: Vec<i64>,
    unit_prices: Vec<Decimal>,
}

impl OrderColumns {
    pub(super) fn of<'a>(orders: impl Iterator<Item = (&'a Order, &'a Actor)>) -> Self {
        let mut columns = Self::default();
        for (order, by) in orders {
            columns.ids.push(order.id.as_uuid());
            columns.customers.push(order.customer_id.as_uuid());
            columns.placed_at.push(order.placed_at);
            columns.statuses.push(order.status.as_str());
            columns.versions.push(order.version.number());
            columns.placed_by.push(by.account_id.as_uuid());
            columns.placed_by_roles.push(by.role.as_str());
            let items = &mut columns.items;
            for item in &order.items {
                items.ids.push(item.id.as_uuid());
                items.orders.push(order.id.as_uuid());
                items.products.push(item.product_id.as_uuid());
                items.quantities.push(item.quantity.units().into());
                items.unit_prices.push(item.unit_price.as_decimal());
            }
        }
        columns
    }

    pub(super) fn params(&self) -> [&dyn Value; 12] {
        [
            &self.ids,
            &self.customers,
            &self.placed_at,
            &self.statuses,
            &self.versions,
            &self.placed_by,
            &self.placed_by_roles,
            &self.items.ids,
            &self.items.orders,
            &self.items.products,
            &self.items.quantities,
            &self.items.unit_prices,
        ]
    }
}

/// The keys of orders, column by column.
#[derive(Default)]
pub(super) struct KeyColumns<'a> {
    accounts: Vec<Uuid>,
    keys: Vec<&'a str>,
    fingerprints: Vec<&'a [u8]>,
    orders: Vec<Uuid>,
}

impl<'a> KeyColumns<'a> {
    pub(super) fn of(keys: &'a [(ScopedKey, Fingerprint, OrderId)]) -> Self {
        let mut columns = Self::default();
        for (key, fingerprint, order_id) in keys {
            columns.accounts.push(key.account_id.as_uuid());
            columns.keys.push(key.key.as_str());
            columns.fingerprints.push(fingerprint.as_bytes());
            columns.orders.push(order_id.as_uuid());
        }
        columns
    }

    pub(super) fn params(&self) -> [&dyn Value; 4] {
        [&self.accounts, &self.keys, &self.fingerprints, &self.orders]
    }
}
