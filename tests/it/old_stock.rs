//! What the migrations make of the stock of products that were there before ledgers were kept.

use adapters_postgres::PgStock;
use domain::{
    catalog::ProductId,
    stock::{LedgerReason, Reconciliation, StockRepository},
    values::{Freshness, Limit, PageRequest},
};
use futures_util::TryStreamExt as _;
use integration_tests::{TestDatabase, apply_migrations};
use uuid::Uuid;

/// The migration after which there are ledgers.
const LEDGERS: u32 = 18;

/// Products 1 to 3, of which 7, none and 4 are left; 1 and 2 were sold in orders that stay, that are
/// cancelled since nobody knows when, and that were cancelled at a known moment.
const OLD_SHOP: &str = "
    insert into customers (id, nome, email, created_at)
    values ('00000000-0000-7000-8000-0000000000c1', 'Ana', 'ana@example.com', now());
    insert into products (id, nome, preco, created_at)
    select ('00000000-0000-7000-8000-00000000000' || n)::uuid, 'Café ' || n, 1, '2026-01-01T00:00:00Z'
    from generate_series(1, 3) as n;
    insert into stock (id, product_id, quantidade_disponivel)
    select ('00000000-0000-7000-8001-00000000000' || n)::uuid,
           ('00000000-0000-7000-8000-00000000000' || n)::uuid, (array[7, 0, 4])[n]
    from generate_series(1, 3) as n;
    insert into orders (id, customer_id, data_order, status, version)
    select ('00000000-0000-7000-8002-00000000000' || n)::uuid,
           '00000000-0000-7000-8000-0000000000c1', '2026-02-01T00:00:00Z'::timestamptz + n * interval '1 day',
           (array['delivered', 'cancelled', 'cancelled'])[n], (array[4, 1, 2])[n]
    from generate_series(1, 3) as n;
    insert into order_history (order_id, version, status, changed_at)
    values ('00000000-0000-7000-8002-000000000003', 2, 'cancelled', '2026-03-01T00:00:00Z');
    insert into itens_order (id, order_id, product_id, quantidade, preco_unitario)
    select gen_random_uuid(), ('00000000-0000-7000-8002-00000000000' || n)::uuid,
           ('00000000-0000-7000-8000-00000000000' || product)::uuid, n * 10, 1
    from generate_series(1, 3) as n
    cross join generate_series(1, 2) as product";

#[tokio::test]
async fn ledgers_of_old_products_begin_with_what_is_left_and_what_was_sold() {
    let database = TestDatabase::empty().await;
    let client = database.client().await;
    apply_migrations(&client, |number| number < LEDGERS).await;
    client.batch_execute(OLD_SHOP).await.unwrap();
    apply_migrations(&client, |number| number >= LEDGERS).await;

    let pool = database.pool(1);
    let stock = PgStock::new(&pool);
    let opening = |units| vec![(LedgerReason::Opening, units, units)];
    let sold_since = |opened: i64| {
        let left = opened - 10;
        vec![
            (LedgerReason::Cancellation, 30, left),
            (LedgerReason::Sale, -30, left - 30),
            (LedgerReason::Sale, -10, left),
            (LedgerReason::Opening, opened, opened),
        ]
    };
    for (number, expected) in [(1, sold_since(17)), (2, sold_since(10)), (3, opening(4))] {
        let id = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0000 + number);
        let page = PageRequest {
            limit: Limit::TWENTY,
            after: None,
            freshness: Freshness::Latest,
        };
        let ledger = stock.ledger(ProductId::new(id), &page).await.unwrap();
        let told: Vec<_> = ledger
            .items
            .iter()
            .map(|entry| (entry.reason, entry.delta, entry.balance))
            .collect();
        assert_eq!(told, expected, "product {number}");
        let opening = ledger.items.last().unwrap();
        assert_eq!((opening.role, opening.account_id), (None, None));
    }
    let entries: Vec<_> = stock.books().batches.try_concat().await.unwrap();
    let mut books = Reconciliation::default();
    for entry in entries {
        books.take(entry);
    }
    assert_eq!((books.products(), books.discrepancies()), (3, Vec::new()));
}
