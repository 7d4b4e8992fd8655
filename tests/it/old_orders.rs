//! What the migrations make of orders that were placed before histories were kept.

use adapters_postgres::PgOrders;
use domain::orders::{History, OrderId, OrderRepository};
use integration_tests::{TestDatabase, apply_migrations};
use tokio_postgres::Client;
use uuid::Uuid;

/// The migration after which orders have histories.
const HISTORIES: u32 = 12;

/// An order that was at this version when it had this status.
async fn old_order(client: &Client, customer: Uuid, status: &str, version: i64) -> Uuid {
    let id = Uuid::new_v4();
    let insert = "
        insert into orders (id, customer_id, data_order, status, version)
        values ($1, $2, '2026-01-01T12:00:00Z', $3, $4)";
    client
        .execute(insert, &[&id, &customer, &status, &version])
        .await
        .unwrap();
    id
}

/// A customer, and the id of their account.
async fn customer(client: &Client) -> (Uuid, Uuid) {
    let (customer, account) = (Uuid::new_v4(), Uuid::new_v4());
    let insert = "
        insert into customers (id, nome, email, created_at)
        values ($1, 'Ana', 'ana@example.com', now())";
    client.execute(insert, &[&customer]).await.unwrap();
    let insert = "
        insert into users (id, email, password_hash, role, customer_id, created_at)
        values ($1, 'ana@example.com', '$2b$04$', 'customer', $2, now())";
    client
        .execute(insert, &[&account, &customer])
        .await
        .unwrap();
    (customer, account)
}

fn statuses(history: &History) -> Vec<&str> {
    let entries = history.entries.iter();
    entries.map(|entry| entry.status.as_str()).collect()
}

#[tokio::test]
async fn of_old_orders_the_history_says_what_can_be_known() {
    let database = TestDatabase::empty().await;
    let client = database.client().await;
    apply_migrations(&client, |number| number < HISTORIES).await;
    let (customer, account) = customer(&client).await;
    let mut orders = Vec::new();
    for (status, version, expected) in [
        ("pending", 1, vec!["pending"]),
        ("paid", 2, vec!["pending", "paid"]),
        ("shipped", 3, vec!["pending", "paid", "shipped"]),
        (
            "delivered",
            4,
            vec!["pending", "paid", "shipped", "delivered"],
        ),
        ("cancelled", 2, vec!["pending", "cancelled"]),
        ("cancelled", 3, vec!["pending", "paid", "cancelled"]),
    ] {
        let id = old_order(&client, customer, status, version).await;
        orders.push((id, version, expected));
    }
    let (keyed, ..) = orders[3];
    let key = "
        insert into idempotency_keys (account_id, key, fingerprint, order_id, created_at)
        values ($1, 'key-1', decode(repeat('00', 32), 'hex'), $2, now())";
    client.execute(key, &[&account, &keyed]).await.unwrap();
    apply_migrations(&client, |number| number >= HISTORIES).await;

    let pool = database.pool(1);
    let repository = PgOrders::new(&pool);
    for (id, version, expected) in orders {
        let history = repository.history(OrderId::new(id)).await.unwrap().unwrap();
        assert_eq!(statuses(&history), expected);
        assert_eq!(history.version.number(), version);
        assert_eq!(history.customer_id.as_uuid(), customer);
        let [placed, later @ ..] = &history.entries[..] else {
            panic!("every order was placed");
        };
        assert!(placed.at.is_some());
        // Whoever placed it under a key is known; nobody else is, nor when it was.
        let by = placed.account_id.map(domain::identity::AccountId::as_uuid);
        assert_eq!(by, (id == keyed).then_some(account));
        assert_eq!(placed.role.is_some(), id == keyed);
        for entry in later {
            assert_eq!((entry.at, entry.role, entry.account_id), (None, None, None));
            assert_eq!(entry.note, None);
        }
    }
}

#[tokio::test]
async fn of_an_old_order_that_contradicts_itself_nothing_is_made_up() {
    let database = TestDatabase::empty().await;
    let client = database.client().await;
    apply_migrations(&client, |number| number < HISTORIES).await;
    let (customer, _) = customer(&client).await;
    // More versions, or fewer, than their statuses need.
    for (status, version) in [
        ("pending", 3),
        ("paid", 9),
        ("shipped", 1),
        ("cancelled", 1),
    ] {
        old_order(&client, customer, status, version).await;
    }
    apply_migrations(&client, |number| number >= HISTORIES).await;
    let count = "select count(*) from order_history";
    let count: i64 = client.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(count, 0);
}
