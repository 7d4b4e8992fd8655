//! The schema: migrations, constraints, indexes.

use std::collections::HashSet;

use adapters_postgres::{MAPPED_CONSTRAINTS, embedded_migrations};
use integration_tests::{TestDatabase, World, apply_migrations, eventually};
use tokio_postgres::{Client, Config, NoTls};

async fn names(client: &Client, query: &str) -> HashSet<String> {
    let rows = client.query(query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_contracts_tables_and_columns_exist() {
    let database = TestDatabase::migrated().await;
    let columns = "
        select table_name || '.' || column_name
        from information_schema.columns
        where table_schema = current_schema()";
    let columns = names(&database.client().await, columns).await;
    for (table, expected) in [
        ("customers", "id nome email"),
        ("products", "id nome descricao preco"),
        ("orders", "id customer_id data_order status"),
        ("itens_order", "id order_id product_id quantidade"),
        ("stock", "id product_id quantidade_disponivel"),
    ] {
        for column in expected.split(' ') {
            assert!(
                columns.contains(&format!("{table}.{column}")),
                "{table}.{column}"
            );
        }
    }
    assert!(
        !columns.contains("orders.total"),
        "what is derivable is not stored"
    );
}

/// What the release before names, whose replicas run while this one migrates.
const RELEASED: &str = include_str!("released_schema.txt");

#[tokio::test]
async fn the_release_before_runs_on_this_schema() {
    let database = TestDatabase::migrated().await;
    let client = database.client().await;
    let now = names(&client, include_str!("released_schema.sql")).await;
    for column in RELEASED.lines() {
        // What may be null in more cases than before is no less to those who never write null.
        let nullable = column.trim_end_matches(" not null");
        assert!(
            now.contains(column) || now.contains(nullable),
            "{column} is not what it was: the release before still reads and writes it"
        );
    }
    let has_a_default = "
        select table_name || '.' || column_name
        from information_schema.columns
        where table_schema = current_schema() and (column_default is not null or is_generated = 'ALWAYS')";
    let has_a_default = names(&client, has_a_default).await;
    let released: HashSet<_> = RELEASED.lines().collect();
    let tables: HashSet<_> = RELEASED
        .lines()
        .filter_map(|line| line.split('.').next())
        .collect();
    for column in now
        .iter()
        .filter(|column| !released.contains(column.as_str()))
    {
        let (name, kind) = column.split_once(' ').unwrap();
        let (table, _) = name.split_once('.').unwrap();
        assert!(
            !tables.contains(table) || !kind.ends_with("not null") || has_a_default.contains(name),
            "{name} must have a value, which the release before does not write"
        );
    }
}

/// What the release before keeps to, and takes for granted.
const RELEASED_CONSTRAINTS: &str = include_str!("released_constraints.txt");

#[tokio::test]
async fn the_release_before_breaks_no_constraint_and_misses_none() {
    let database = TestDatabase::migrated().await;
    let client = database.client().await;
    let now = names(&client, include_str!("released_constraints.sql")).await;
    let released: HashSet<_> = RELEASED_CONSTRAINTS.lines().map(str::to_owned).collect();
    let table = |constraint: &str| constraint.split('.').next().unwrap().to_owned();
    let tables: HashSet<_> = RELEASED
        .lines()
        .filter_map(|line| line.split('.').next())
        .collect();
    for constraint in now.difference(&released) {
        assert!(
            !tables.contains(table(constraint).as_str()),
            "{constraint} is new: the release before does not keep to it"
        );
    }
    for constraint in released.difference(&now) {
        assert!(
            !constraint.contains(" UNIQUE ") && !constraint.contains(" PRIMARY KEY "),
            "{constraint} is gone: the release before inserts `on conflict`, and knows it by its name"
        );
    }
}

#[tokio::test]
async fn every_looked_up_column_leads_an_index() {
    let database = TestDatabase::migrated().await;
    let leading = "
        select attrelid::regclass::text || '.' || attname
        from pg_index
        join pg_attribute on attrelid = indrelid and attnum = indkey[0]";
    let leading = names(&database.client().await, leading).await;
    for column in [
        "orders.customer_id",
        "orders.data_order",
        "itens_order.order_id",
        "itens_order.product_id",
        "stock.product_id",
        "users.customer_id",
        "idempotency_keys.created_at",
    ] {
        assert!(leading.contains(column), "{column}");
    }
}

/// The last migration that was written before there was this rule.
const LAST_OF_MANY_STATEMENTS: u32 = 25;

#[test]
fn a_migration_is_one_statement_and_alters_a_table_in_one_way() {
    let mut seen = 0;
    for (number, sql) in integration_tests::migrations() {
        if number <= LAST_OF_MANY_STATEMENTS {
            continue;
        }
        seen += 1;
        let sql: Vec<_> = sql.lines().filter(|line| !line.starts_with("--")).collect();
        // But for the bodies of functions.
        let sql = sql.join(" ").to_lowercase();
        let sql: String = sql.split("$$").step_by(2).collect();
        let statements = sql
            .split(';')
            .filter(|statement| !statement.trim().is_empty());
        assert_eq!(statements.count(), 1, "V{number}: {sql}");
        if sql.trim_start().starts_with("alter table") {
            let mut depth = 0;
            for character in sql.chars() {
                match character {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    ',' => assert!(depth > 0, "V{number} has two subcommands: {sql}"),
                    _ => {}
                }
            }
        }
    }
    assert!(seen > 0);
}

#[tokio::test]
async fn the_migrations_make_no_account_nor_anything_that_opens_one() {
    let database = TestDatabase::migrated().await;
    let client = database.client().await;
    for table in [
        "users",
        "customers",
        "sessions",
        "api_keys",
        "password_resets",
    ] {
        let rows = format!("select count(*) from {table}");
        let rows: i64 = client.query_one(&rows, &[]).await.unwrap().get(0);
        assert_eq!(rows, 0, "{table}");
    }
}

#[tokio::test]
async fn the_constraints_that_the_adapter_names_exist() {
    let database = TestDatabase::migrated().await;
    let unique = "
        select relname
        from pg_index
        join pg_class on pg_class.oid = indexrelid
        where indisunique";
    let unique = names(&database.client().await, unique).await;
    for name in MAPPED_CONSTRAINTS {
        assert!(unique.contains(name), "{name}");
    }
}

#[tokio::test]
async fn the_database_itself_refuses_what_breaks_an_invariant() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(5).await);
    let order = world.place(&customer, &[(product, 1)]).await.unwrap().id;
    let client = world.test.client().await;
    for (broken, constraint) in [
        (
            "update stock set quantidade_disponivel = -1".to_owned(),
            "stock_quantidade_disponivel_not_negative",
        ),
        (
            "update products set preco = -0.01".to_owned(),
            "products_preco_not_negative",
        ),
        (
            "update itens_order set quantidade = 0".to_owned(),
            "itens_order_quantidade_positive",
        ),
        (
            "update orders set status = 'lost'".to_owned(),
            "orders_status_known",
        ),
        (
            format!("delete from orders where id = '{order}'"),
            "itens_order_order_id_fkey",
        ),
        (
            format!("delete from customers where id = '{}'", customer.id),
            "orders_customer_id_fkey",
        ),
        (
            format!(
                "insert into stock (id, product_id, quantidade_disponivel)
                 values (gen_random_uuid(), '{product}', 1)"
            ),
            "stock_product_id_key",
        ),
        (
            "insert into users (id, email, password_hash, role, created_at)
             values (gen_random_uuid(), 'a@b.c', '', 'customer', now())"
                .to_owned(),
            "users_customer_has_customer_id",
        ),
    ] {
        let error = client.batch_execute(&broken).await.unwrap_err();
        let violated = error.as_db_error().and_then(|db| db.constraint());
        // That of a partition has a number besides.
        let violated = violated.map(|name| name.trim_end_matches(char::is_numeric));
        assert_eq!(violated, Some(constraint), "{broken}: {error:?}");
    }
}

#[tokio::test]
async fn replicas_that_start_together_migrate_once() {
    let database = TestDatabase::empty().await;
    let migrations = (0..4).map(|_| {
        let replica = database.pool(1);
        tokio::spawn(async move { replica.migrate().await })
    });
    let mut applied = Vec::new();
    for migration in migrations.collect::<Vec<_>>() {
        applied.push(migration.await.unwrap().unwrap());
    }
    applied.sort_unstable();
    assert_eq!(applied, [0, 0, 0, embedded_migrations()]);
}

#[tokio::test]
async fn a_migration_that_must_wait_for_a_lock_lets_others_pass_and_is_tried_again() {
    let database = TestDatabase::migrated().await;
    let (client, mut other) = (database.client().await, database.client().await);
    let as_before_v30 = "
        drop table cache_closures, cache_server, heartbeat;
        create index idempotency_keys_order_id_idx on idempotency_keys (order_id);
        delete from refinery_schema_history where version >= 30";
    client.batch_execute(as_before_v30).await.unwrap();
    // As an export does.
    let reading = other.transaction().await.unwrap();
    let read = "lock table idempotency_keys in access share mode";
    reading.batch_execute(read).await.unwrap();
    let replica = database.pool(1);
    let migration = tokio::spawn(async move { replica.migrate().await });
    for is_waiting in [true, false] {
        eventually("it waits, and gives up", || async {
            let waiting = "
                select exists (
                    select
                    from pg_locks
                    where relation = 'idempotency_keys_order_id_idx'::regclass and not granted
                       or relation = 'idempotency_keys'::regclass and not granted
                )";
            let row = client.query_one(waiting, &[]).await.unwrap();
            row.get::<_, bool>(0) == is_waiting
        })
        .await;
    }
    reading.rollback().await.unwrap();
    assert_eq!(
        migration.await.unwrap().unwrap(),
        embedded_migrations() - 29
    );
}

#[tokio::test]
async fn a_newer_schema_than_the_binarys_is_left_alone() {
    let database = TestDatabase::migrated().await;
    let newer = "
        insert into refinery_schema_history (version, name, applied_on, checksum)
        values (1000, 'of_a_later_release', '2030-01-01T00:00:00Z', '1')";
    database.client().await.batch_execute(newer).await.unwrap();
    assert_eq!(database.pool(1).migrate().await.unwrap(), 0);
}

#[tokio::test]
async fn taking_stock_touches_no_index() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(1_000).await);
    for _ in 0..50 {
        world.place(&customer, &[(product, 1)]).await.unwrap();
    }
    // A session that ends reports what it did.
    let World { database, test, .. } = world;
    drop(database);
    let client = test.client().await;
    integration_tests::eventually("the updates are counted, and are HOT", || async {
        let counted = "
            select count(*)
            from pg_stat_user_tables
            where relname = 'stock'
              and n_tup_upd >= 50
              and n_tup_hot_upd = n_tup_upd";
        let counted = client.query_one(counted, &[]).await.unwrap();
        counted.get::<_, i64>(0) == 1
    })
    .await;
}

#[tokio::test]
async fn an_owner_who_is_no_superuser_applies_each_migration_in_a_session_of_its_own() {
    let database = TestDatabase::empty().await;
    let owner = database.given_away().await;
    let mut config: Config = database.url().parse().unwrap();
    config.user(&owner);
    for number in 1..=u32::try_from(embedded_migrations()).unwrap() {
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        apply_migrations(&client, |migration| migration == number).await;
    }
    let searched = "select product_query('kafe')::text";
    let superuser = database.client().await;
    superuser.query_one(searched, &[]).await.unwrap();
    database.taken_back(&owner).await;
}
