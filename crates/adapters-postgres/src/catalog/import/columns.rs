//! The rows that an import stages, column by column.

use domain::{
    catalog::NumberedRow,
    stock::StockLevel,
    values::{Description, Sku},
};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::statements::Value;

/// The rows of a batch, column by column.
#[derive(Default)]
pub(super) struct Columns<'a> {
    product_ids: Vec<Uuid>,
    stock_ids: Vec<Uuid>,
    movement_ids: Vec<Uuid>,
    skus: Vec<Option<&'a str>>,
    names: Vec<&'a str>,
    descriptions: Vec<Option<&'a str>>,
    prices: Vec<Decimal>,
    quantities: Vec<Option<i64>>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(batch: &'a [NumberedRow]) -> Self {
        let mut columns = Self::default();
        for NumberedRow {
            product_id,
            stock_id,
            movement_id,
            row,
        } in batch
        {
            columns.product_ids.push(product_id.as_uuid());
            columns.stock_ids.push(stock_id.as_uuid());
            columns.movement_ids.push(movement_id.as_uuid());
            columns.skus.push(row.sku.as_ref().map(Sku::as_str));
            columns.names.push(row.name.as_str());
            let description = row.description.as_ref().map(Description::as_str);
            columns.descriptions.push(description);
            columns.prices.push(row.price.as_decimal());
            columns
                .quantities
                .push(row.available.map(StockLevel::units));
        }
        columns
    }

    pub(super) fn params(&self) -> [&dyn Value; 8] {
        [
            &self.product_ids,
            &self.stock_ids,
            &self.movement_ids,
            &self.skus,
            &self.names,
            &self.descriptions,
            &self.prices,
            &self.quantities,
        ]
    }
}
