//! Products, alone and with their stock.

use time::OffsetDateTime;

use crate::{
    stock::StockLevel,
    values::{Description, Name, Patch, Price, Sku, Version, id::id},
};

id!(
    /// Identifies a [`Product`].
    ProductId
);

/// A product of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The id that stock and order items refer to.
    pub id: ProductId,
    /// The product's name.
    pub name: Name,
    /// The shop's description, if it gave one.
    pub description: Option<Description>,
    /// The current price of one unit. Past orders keep the price at which they were placed.
    pub price: Price,
    /// The shop's own number of the product, which no other has, if it gave one.
    pub sku: Option<Sku>,
    /// When the product was added, in UTC, to the microsecond.
    pub created_at: OffsetDateTime,
    /// When it was retired; `None` while it is sold.
    pub retired_at: Option<OffsetDateTime>,
    /// How many times the product was written. Its stock has no part in this.
    pub version: Version,
}

/// The fields of a product that get another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductEdit {
    /// The new name.
    pub name: Option<Name>,
    /// The new description.
    pub description: Patch<Description>,
    /// The new price. Orders that are placed keep theirs.
    pub price: Option<Price>,
    /// The new number.
    pub sku: Patch<Sku>,
}

impl Product {
    /// The product with these changes; `None` when they change nothing.
    #[must_use]
    pub fn edited(&self, edit: ProductEdit) -> Option<Self> {
        let mut edited = self.clone();
        if let Some(name) = edit.name {
            edited.name = name;
        }
        if let Some(price) = edit.price {
            edited.price = price;
        }
        edit.description.apply(&mut edited.description);
        edit.sku.apply(&mut edited.sku);
        (edited != *self).then(|| Self {
            version: self.version.next(),
            ..edited
        })
    }

    /// The product, retired: no longer listed, found or ordered; `None` when it is already.
    #[must_use]
    pub fn retired(&self, now: OffsetDateTime) -> Option<Self> {
        self.retired_at.is_none().then(|| Self {
            retired_at: Some(now),
            version: self.version.next(),
            ..self.clone()
        })
    }
}

/// A product with its current stock level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockedProduct {
    /// The product.
    pub product: Product,
    /// The units that can be ordered.
    pub available: StockLevel,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{a_product, name, now, price};

    const NOTHING: ProductEdit = ProductEdit {
        name: None,
        description: Patch::Keep,
        price: None,
        sku: Patch::Keep,
    };

    #[test]
    fn an_edit_changes_what_it_names_and_nothing_else() {
        let coffee = a_product(1);
        assert_eq!(coffee.edited(NOTHING), None);
        let edited = coffee.edited(ProductEdit {
            price: Some(price("21.50")),
            description: Patch::Clear,
            ..NOTHING
        });
        let expected = Product {
            price: price("21.50"),
            description: None,
            version: coffee.version.next(),
            ..coffee.clone()
        };
        assert_eq!(edited, Some(expected));
        let same = ProductEdit {
            name: Some(coffee.name.clone()),
            ..NOTHING
        };
        assert_eq!(coffee.edited(same), None);
        let renamed = ProductEdit {
            name: Some(name("Tea")),
            ..NOTHING
        };
        assert_eq!(coffee.edited(renamed).unwrap().name.as_str(), "Tea");
    }

    #[test]
    fn a_product_is_retired_once() {
        let retired = a_product(1).retired(now()).unwrap();
        assert_eq!(retired.version, a_product(1).version.next());
        assert_eq!(retired.retired(now()), None);
    }
}
