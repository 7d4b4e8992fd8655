//! The ledger of a product: every change of its stock. Sales and cancellations are not written to
//! it: they are the items of orders.

use std::{collections::HashMap, fmt, str::FromStr};

use time::OffsetDateTime;
use uuid::Uuid;

use super::StockLevel;
use crate::{
    catalog::ProductId,
    identity::{AccountId, Role},
    orders::OrderId,
    values::{Name, Note, Sku, ValueError},
};

/// Why the stock of a product changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerReason {
    /// The product came into the catalogue with these units, or the ledger began with them.
    Opening,
    /// The units were counted.
    Count,
    /// Units were delivered to the shop.
    Receipt,
    /// The books were wrong.
    Adjustment,
    /// Units came back, or went back.
    Return,
    /// Units were broken, stolen or spoilt.
    Loss,
    /// An order was placed.
    Sale,
    /// An order was cancelled.
    Cancellation,
}

impl LedgerReason {
    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::Opening,
        Self::Count,
        Self::Receipt,
        Self::Adjustment,
        Self::Return,
        Self::Loss,
        Self::Sale,
        Self::Cancellation,
    ];

    /// The reason's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Count => "count",
            Self::Receipt => "receipt",
            Self::Adjustment => "adjustment",
            Self::Return => "return",
            Self::Loss => "loss",
            Self::Sale => "sale",
            Self::Cancellation => "cancellation",
        }
    }
}

impl fmt::Display for LedgerReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LedgerReason {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == text);
        known.ok_or(ValueError::Malformed {
            expected: "the reason of a change of stock",
        })
    }
}

/// A change of the stock of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The id of the movement, or of the order's item.
    pub id: Uuid,
    /// When.
    pub at: OffsetDateTime,
    /// How many units came; negative when they went.
    pub delta: i64,
    /// The units after it. Below zero only where the ledger does not know of a count from before it
    /// was kept.
    pub balance: i64,
    /// Why.
    pub reason: LedgerReason,
    /// The order that was placed or cancelled.
    pub order_id: Option<OrderId>,
    /// The role of who did it; `None` when it is not known.
    pub role: Option<Role>,
    /// The account that did it; `None` when it is not known.
    pub account_id: Option<AccountId>,
    /// What they noted with it.
    pub note: Option<Note>,
}

/// How much there is of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductStock {
    /// The product.
    pub product_id: ProductId,
    /// Its name.
    pub name: Name,
    /// The shop's own number of the product.
    pub sku: Option<Sku>,
    /// The units that can be ordered.
    pub available: StockLevel,
}

/// What is to be compared: the level of a product, or an entry of its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookEntry {
    /// The product.
    pub product_id: ProductId,
    /// How many units.
    pub units: Units,
}

/// Where units stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Units {
    /// In stock.
    Stock(i64),
    /// In the ledger.
    Ledger(i64),
}

/// Compares the stock of every product with the sum of its ledger.
#[derive(Debug, Default)]
pub struct Reconciliation(HashMap<ProductId, Sums>);

#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    stock: i64,
    ledger: i64,
}

/// A product whose stock is not the sum of its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discrepancy {
    /// The product.
    pub product_id: ProductId,
    /// The units in stock.
    pub stock: i64,
    /// The sum of the ledger.
    pub ledger: i64,
}

impl Reconciliation {
    /// Takes an entry, in whatever sequence they come. All of them must be as of one moment.
    pub fn take(&mut self, entry: BookEntry) {
        let sums = self.0.entry(entry.product_id).or_default();
        match entry.units {
            Units::Stock(units) => sums.stock += units,
            Units::Ledger(units) => sums.ledger += units,
        }
    }

    /// How many products there are.
    #[must_use]
    pub fn products(&self) -> usize {
        self.0.len()
    }

    /// The products whose stock is not the sum of their ledger, in the sequence of their ids.
    #[must_use]
    pub fn discrepancies(&self) -> Vec<Discrepancy> {
        let differ = self.0.iter().filter(|(_, sums)| sums.stock != sums.ledger);
        let mut found: Vec<_> = differ
            .map(|(product_id, sums)| Discrepancy {
                product_id: *product_id,
                stock: sums.stock,
                ledger: sums.ledger,
            })
            .collect();
        found.sort_by_key(|found| found.product_id);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::product_id;

    #[test]
    fn a_reason_is_read_by_its_name() {
        for reason in LedgerReason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(reason));
        }
        assert!("theft".parse::<LedgerReason>().is_err());
    }

    #[test]
    fn only_products_whose_stock_is_not_the_sum_of_their_ledger_are_found() {
        let mut books = Reconciliation::default();
        let entries = [
            (1, Units::Ledger(10)),
            (2, Units::Stock(5)),
            (1, Units::Stock(7)),
            (3, Units::Ledger(1)),
            (1, Units::Ledger(-3)),
            (2, Units::Ledger(4)),
        ];
        for (product, units) in entries {
            books.take(BookEntry {
                product_id: product_id(product),
                units,
            });
        }
        let found = |product, stock, ledger| Discrepancy {
            product_id: product_id(product),
            stock,
            ledger,
        };
        assert_eq!(books.products(), 3);
        assert_eq!(books.discrepancies(), [found(2, 5, 4), found(3, 0, 1)]);
    }
}
