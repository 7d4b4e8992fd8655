//! `ProductRepository::page`, over PostgreSQL.

use std::cmp::Ordering;

use domain::{
    catalog::{Product, ProductId, ProductRepository, ProductSort, ProductsFilter, StockedProduct},
    values::{Name, Price, SearchTerms, Sort, Version},
};
use integration_tests::World;
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{check, moment, walk};

/// Names, and what is left of them without case and accents.
const NAMES: [(&str, &str); 5] = [
    ("Café", "cafe"),
    ("CAFE", "cafe"),
    ("Água", "agua"),
    ("Zimbro", "zimbro"),
    ("Chá", "cha"),
];

/// The prices of products, and the ends of what is asked for. As text they have another sequence.
const PRICES: [&str; 4] = ["0.00", "9.50", "10.00", "100.00"];

/// The minutes in which products were made: in two of a month (October), in the next two months, and
/// long after.
const MINUTES: [i64; 5] = [0, 1, 45_000, 90_000, 400_000];

/// What a product is made of: its name, its price, its minute and its units.
type Made = (usize, usize, usize, i64);

async fn add(world: &World, (name, price, minute, units): Made) -> StockedProduct {
    let product = Product {
        id: ProductId::new(World::id()),
        name: Name::parse(NAMES[name].0).unwrap(),
        description: None,
        price: Price::parse(PRICES[price]).unwrap(),
        sku: None,
        created_at: moment(MINUTES[minute]),
        retired_at: None,
        version: Version::FIRST,
    };
    let stock = world.new_stock(product.id, units);
    world
        .catalog
        .insert(&product, &stock, None, &world.shop)
        .await
        .unwrap();
    StockedProduct {
        product,
        available: stock.stock.available,
    }
}

/// Makes PostgreSQL believe that there are a million products: then a search by age begins with those of
/// two months.
async fn grow(world: &World) {
    let client = world.test.client().await;
    let grow = "update pg_class set reltuples = 1e6 where oid = 'products'::regclass";
    client.batch_execute(grow).await.unwrap();
}

fn folded(item: &StockedProduct) -> &'static str {
    let name = item.product.name.as_str();
    let found = NAMES.iter().find(|(written, _)| *written == name);
    found.unwrap().1
}

fn contains(filter: &ProductsFilter, item: &StockedProduct) -> bool {
    let price = item.product.price;
    let is_in_stock = item.available.units() > 0;
    filter.min_price.is_none_or(|min| price >= min)
        && filter.max_price.is_none_or(|max| price <= max)
        && filter.in_stock.is_none_or(|asked| asked == is_in_stock)
        && filter
            .terms
            .as_ref()
            .is_none_or(|terms| terms.as_str() == folded(item))
}

fn compare(by: ProductSort, a: &StockedProduct, b: &StockedProduct) -> Ordering {
    let keys = match by {
        ProductSort::CreatedAt => a.product.created_at.cmp(&b.product.created_at),
        ProductSort::Name => folded(a).cmp(folded(b)),
        ProductSort::Price => a.product.price.cmp(&b.product.price),
    };
    keys.then(a.product.id.as_uuid().cmp(&b.product.id.as_uuid()))
}

/// What the list has to show of these products.
fn expected(
    all: &[StockedProduct],
    filter: &ProductsFilter,
    sort: Sort<ProductSort>,
) -> Vec<StockedProduct> {
    let mut found: Vec<_> = all
        .iter()
        .filter(|item| contains(filter, item))
        .cloned()
        .collect();
    found.sort_by(|a, b| compare(sort.by, a, b));
    if sort.is_descending {
        found.reverse();
    }
    found
}

/// What may be asked for.
fn filters() -> impl Strategy<Value = ProductsFilter> {
    let price = || option::of(select(&PRICES[..]).prop_map(|text| Price::parse(text).unwrap()));
    let words = select(&["cafe", "agua", "zimbro"][..]);
    let terms = words.prop_map(|word| SearchTerms::parse(word).unwrap());
    let parts = (
        option::of(terms),
        price(),
        price(),
        option::of(any::<bool>()),
    );
    parts.prop_map(|(terms, min_price, max_price, in_stock)| ProductsFilter {
        terms,
        min_price,
        max_price,
        in_stock,
    })
}

fn sorts() -> impl Strategy<Value = Sort<ProductSort>> {
    let keys = [
        ProductSort::CreatedAt,
        ProductSort::Name,
        ProductSort::Price,
    ];
    let sort = (select(keys.to_vec()), any::<bool>());
    sort.prop_map(|(by, is_descending)| Sort { by, is_descending })
}

#[test]
fn a_walk_over_products_is_the_filtered_and_sorted_set_whatever_the_pages() {
    let made = (0..NAMES.len(), 0..PRICES.len(), 0..MINUTES.len(), 0..2i64);
    let asked = vec((filters(), sorts(), vec(1..=20i64, 1..5)), 10);
    let case = (vec(made, 0..60), asked, any::<bool>());
    check(&case, async |(made, asked, is_large)| {
        let world = World::new().await;
        let mut all = Vec::new();
        for product in made {
            all.push(add(&world, product).await);
        }
        if is_large {
            grow(&world).await;
        }
        for (filter, sort, limits) in asked {
            let page = async |request| world.catalog.page(&filter, sort, &request).await.unwrap();
            let walked = walk(&limits, page).await?;
            let expected = expected(&all, &filter, sort);
            prop_assert_eq!(walked, expected, "{:?} {:?} {:?}", filter, sort, limits);
        }
        Ok(())
    });
}

#[tokio::test]
async fn a_search_of_a_large_catalogue_shows_every_month_in_its_sequence() {
    let world = World::new().await;
    let mut all = Vec::new();
    for n in 0..6 * MINUTES.len() {
        all.push(add(&world, (0, 0, n % MINUTES.len(), 1)).await);
    }
    grow(&world).await;
    let filter = ProductsFilter {
        terms: Some(SearchTerms::parse("cafe").unwrap()),
        min_price: None,
        max_price: None,
        in_stock: None,
    };
    for is_descending in [true, false] {
        let by = ProductSort::CreatedAt;
        let sort = Sort { by, is_descending };
        let page = async |request| world.catalog.page(&filter, sort, &request).await.unwrap();
        let expected = expected(&all, &filter, sort);
        for limit in 1..=20 {
            assert_eq!(walk(&[limit], page).await.unwrap(), expected, "{limit}");
        }
    }
}
