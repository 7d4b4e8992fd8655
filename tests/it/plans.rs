//! What finds rows by their ids never reads a whole table, whatever the statistics said when its
//! plan was made: a shop is small on its first day, and plans live as long as their connections.

use std::collections::BTreeMap;

use domain::{
    catalog::{ProductId, ProductRepository, ProductSort, ProductsFilter},
    customers::{CustomerRepository, CustomerSort, CustomersFilter},
    idempotency::IdempotencyKey,
    identity::{
        Account, AccountChanges, AccountRepository, Actor, PasswordHash, Principal, Revocations,
        RevokedSince, SessionChange, SessionRepository,
    },
    orders::{
        IdempotencyKeys, LockWait, OrderId, OrderRepository, OrderSort, OrderStatus, OrdersFilter,
        PlacementStore,
        placement::{Outcome, Scope},
    },
    stock::{Count, StockLevel, StockRepository},
    values::{Expected, Freshness, Limit, PageRequest, Sort},
};
use integration_tests::{TestDatabase, World};
use time::Duration;
use tokio_postgres::Client;

/// How many rows of each kind there are once the shop has grown.
const GROWN: i64 = 20_000;

/// How often everything is done on the grown shop.
const ROUNDS: i64 = 10;

/// Everything that finds rows by id, once.
async fn do_everything(world: &World) {
    let customer = world.customer().await;
    let (first, second) = (world.product(1_000).await, world.product(1_000).await);
    let lines = [(first, 1), (second, 2)];
    // Placing without and with a key, a repeat of it, and a quote.
    let key = IdempotencyKey::parse(&World::id().to_string()).unwrap();
    let desk = world.racing_desk();
    let plain = world.request(&customer, &lines);
    let keyed = world.request(&customer, &lines).under(key);
    let mut placed = Vec::new();
    for request in [plain.clone(), keyed.clone(), keyed] {
        let (Outcome::Placed(order) | Outcome::Replayed(order)) =
            desk.place(request).await.unwrap();
        placed.push(order.id);
    }
    desk.quote(plain.clone()).await.unwrap();
    // What somebody holds is set apart, and then waited for in line.
    let scope = Scope::of(std::slice::from_ref(&plain));
    let holder = world.open(&scope).await;
    for wait in [LockWait::Briefly, LockWait::InLineFor(first)] {
        let open = PlacementStore::open(&world.orders, &scope, wait)
            .await
            .unwrap();
        assert!(open.state.held.contains(&first));
        open.unit.abandon().await.unwrap();
    }
    holder.unit.abandon().await.unwrap();
    read_and_move(world, &placed, first).await;
    look_customers_and_accounts_up(world).await;
    list(world).await;
    let old = World::now() - Duration::hours(24);
    world.orders.remove_before(old, 3).await.unwrap();
}

async fn read_and_move(world: &World, placed: &[OrderId], product: ProductId) {
    for &id in placed {
        assert!(
            OrderRepository::find(&world.orders, id)
                .await
                .unwrap()
                .is_some()
        );
    }
    let (orders, staff) = (world.order_service(), World::staff());
    for (id, to) in [
        (placed[0], OrderStatus::Paid),
        (placed[1], OrderStatus::Cancelled),
    ] {
        orders
            .transition(&staff, id, to.into(), &Expected::Any)
            .await
            .unwrap();
    }
    let found = ProductRepository::find(&world.catalog, product)
        .await
        .unwrap();
    assert!(found.is_some());
    let stock = StockRepository::find(&world.stock, product).await.unwrap();
    assert!(stock.is_some());
    let count = Count {
        available: StockLevel::parse(500).unwrap(),
        seen: Expected::Any,
        expected: None,
    };
    let service = world.stock_service();
    service.count(&staff, product, count).await.unwrap();
}

async fn look_customers_and_accounts_up(world: &World) {
    let email = format!("{}@example.com", World::id().simple());
    let customer = World::a_customer(&email);
    let account = Account {
        password_hash: PasswordHash::new("$2b$04$".to_owned()),
        ..World::an_account(&email, Principal::Customer(customer.id))
    };
    world
        .customers
        .insert(&customer, Some(&account), None, None)
        .await
        .unwrap();
    let found = CustomerRepository::find(&world.customers, customer.id).await;
    assert_eq!(found.unwrap(), Some(customer));
    let found = world.accounts.find_by_email(&account.email).await.unwrap();
    assert_eq!(found.as_ref(), Some(&account));
    world.accounts.dearest_hash().await.unwrap();
    let other = PasswordHash::new("$2b$05$".to_owned());
    world
        .accounts
        .replace_hash(account.id, &account.password_hash, &other)
        .await
        .unwrap();
    log_in_and_out(world, &account).await;
}

async fn log_in_and_out(world: &World, account: &Account) {
    let by = Actor::new(account.id, account.principal.role(), None);
    let session = World::a_session(account);
    let sessions: &dyn SessionRepository = &world.sessions;
    assert!(sessions.insert(&session, account, &by).await.unwrap());
    let revocations: &dyn Revocations = &world.sessions;
    assert!(revocations.is_live(session.id).await.unwrap());
    let opened = sessions.open(session.id).await.unwrap().unwrap();
    let rotated = SessionChange::Rotated(Box::new(opened.state.session));
    opened.unit.commit(&rotated).await.unwrap();
    let ended = sessions.end(&by, Some(session.id), World::now()).await;
    assert_eq!(ended.unwrap(), 1);
    let lately = RevokedSince::Moment(World::now() - Duration::MINUTE);
    let up_to = revocations.since(lately).await.unwrap().up_to;
    let behind = RevokedSince::Reading(up_to);
    revocations.since(behind).await.unwrap();
    let changes: &dyn AccountChanges = &world.accounts;
    let opened = changes.open_among_admins(account.id).await.unwrap();
    opened.unwrap().unit.abandon().await.unwrap();
}

/// The first pages of whole lists, and those after them.
async fn list(world: &World) {
    let mut page = PageRequest {
        limit: Limit::parse(2).unwrap(),
        after: None,
        freshness: Freshness::Latest,
    };
    let newest_first = Sort::descending(OrderSort::PlacedAt);
    let filter = OrdersFilter::default();
    for _ in 0..2 {
        let orders = OrderRepository::page(&world.orders, &filter, newest_first, &page).await;
        page.after = orders.unwrap().next;
    }
    for by in [
        ProductSort::CreatedAt,
        ProductSort::Name,
        ProductSort::Price,
    ] {
        let (filter, sort) = (ProductsFilter::default(), Sort::descending(by));
        page.after = None;
        for _ in 0..2 {
            let products = ProductRepository::page(&world.catalog, &filter, sort, &page).await;
            page.after = products.unwrap().next;
        }
    }
    for by in [CustomerSort::CreatedAt, CustomerSort::Name] {
        let (filter, sort) = (CustomersFilter::default(), Sort::descending(by));
        page.after = None;
        for _ in 0..2 {
            let customers = CustomerRepository::page(&world.customers, &filter, sort, &page).await;
            page.after = customers.unwrap().next;
        }
    }
}

/// Rows of every kind, so many of them, past the product.
async fn grow(client: &Client, rows: i64) {
    let grow = format!(
        "create temporary table n as
         select n, gen_random_uuid() as customer, gen_random_uuid() as account,
                gen_random_uuid() as product, gen_random_uuid() as placed
         from generate_series(1, {rows}) as n;
         insert into customers (id, nome, email, created_at)
         select customer, 'Ana', customer || '@example.com', now() from n;
         insert into users (id, email, password_hash, role, customer_id, created_at)
         select account, customer || '@example.com', '$2b$04$', 'customer', customer, now() from n;
         insert into products (id, nome, preco, created_at) select product, 'Café', 1, now() from n;
         insert into stock (id, product_id, quantidade_disponivel)
         select gen_random_uuid(), product, 100 from n;
         insert into orders (id, customer_id, data_order, status)
         select placed, customer, now() - n * interval '1 minute', 'pending' from n;
         insert into itens_order (id, order_id, product_id, quantidade, preco_unitario)
         select gen_random_uuid(), placed, product, 1, 1 from n;
         insert into idempotency_keys (account_id, key, fingerprint, order_id, created_at)
         select account, 'key', sha256('x'), placed, now() - interval '25 hours' from n;
         insert into sessions (id, account_id, created_at, used_at, expires_at, address, token, family)
         select gen_random_uuid(), account, now(), now(), now() + interval '7 days', '192.0.2.1',
                sha256('x'), sha256('y') from n;
         -- By a transaction of long ago: whoever still has one open elsewhere would see these as new.
         insert into revocations (id, revoked_at, revoked_in)
         select gen_random_uuid(), now() - interval '1 hour', '3' from n;
         drop table n"
    );
    client.batch_execute(&grow).await.unwrap();
}

/// The tables that grow, and their partitions under the same names.
const TABLES: &str = "
    select pg_class.oid as relid, relkind, coalesce(inhparent, pg_class.oid)::regclass::text as name
    from pg_class
    left join pg_inherits on inhrelid = pg_class.oid
    where relkind in ('r', 'p')
      and coalesce(inhparent, pg_class.oid)::regclass::text in (
          'customers', 'users', 'products', 'stock', 'orders', 'itens_order', 'idempotency_keys', 'sessions',
          'revocations'
      )";

/// How many rows were read so far by going through whole tables, and through indexes.
async fn rows_read(client: &Client) -> BTreeMap<String, (i64, i64)> {
    client
        .batch_execute("select pg_stat_clear_snapshot()")
        .await
        .unwrap();
    let read = format!(
        "select name, sum(seq_tup_read)::bigint, sum(coalesce(idx_tup_fetch, 0) + (
             select coalesce(sum(idx_tup_read), 0)
             from pg_stat_user_indexes as indexes
             where indexes.relid = tables.relid
         ))::bigint
         from ({TABLES}) as named
         join pg_stat_user_tables as tables using (relid)
         group by name"
    );
    let read = read.as_str();
    let rows = client.query(read, &[]).await.unwrap();
    rows.iter()
        .map(|row| (row.get(0), (row.get(1), row.get(2))))
        .collect()
}

/// Ends the product's sessions: what they have read is counted by then.
async fn all_is_counted(world: World, client: &Client) -> TestDatabase {
    let test = world.close();
    integration_tests::eventually("the sessions have ended", || async {
        // A pooler would keep them.
        let sessions = "
            select count(pg_terminate_backend(pid))
            from pg_stat_activity
            where datname = current_database() and application_name = 'balcao'";
        client
            .query_one(sessions, &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
            == 0
    })
    .await;
    test
}

/// Makes every plan in a shop with so many orders, lets it grow over the same connections, and
/// sees what is read then.
async fn plans_made_with(orders: i64) {
    let world = World::new().await;
    let client = world.test.client().await;
    // Nothing makes the plans anew while the shop grows.
    let tables =
        format!("select relid::regclass::text from ({TABLES}) as named where relkind = 'r'");
    for table in client.query(&tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        let off = format!("alter table {table} set (autovacuum_enabled = off)");
        client.batch_execute(&off).await.unwrap();
    }
    grow(&client, orders).await;
    client.batch_execute("analyze").await.unwrap();
    do_everything(&world).await;
    grow(&client, GROWN).await;
    client
        .batch_execute("select pg_stat_force_next_flush()")
        .await
        .unwrap();
    // What was read until now is counted with the next statements; it is little, and in no way
    // as much as the grown tables hold.
    let before = rows_read(&client).await;
    for _ in 0..ROUNDS {
        do_everything(&world).await;
    }
    let test = all_is_counted(world, &client).await;
    for (table, (sequential, indexed)) in rows_read(&client).await {
        let (sequential_before, indexed_before) = before[&table];
        let (sequential, indexed) = (sequential - sequential_before, indexed - indexed_before);
        assert!(sequential < GROWN / 10, "{table}: {sequential} of {GROWN}");
        assert!(indexed < 300 * ROUNDS, "{table}: {indexed} by index");
    }
    drop(test);
}

#[tokio::test]
async fn plans_that_were_made_in_an_empty_shop_are_right_when_it_has_grown() {
    plans_made_with(0).await;
}

#[tokio::test]
async fn plans_that_were_made_in_a_small_shop_are_right_when_it_has_grown() {
    plans_made_with(200).await;
}
