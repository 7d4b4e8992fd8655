//! Imports that meet orders, counts and edits of what they change.

use adapters_postgres::DatabaseSettings;
use futures_util::future::{join, join_all};
use integration_tests::{Client, Proxy, eventually};
use serde_json::{Value, json};

use super::{Race, count, import, order_of, path_of};

const SHORT: (u16, &str) = (409, "insufficient_stock");

async fn numbered(race: &Race, sku: &str, units: i64) -> String {
    let body = json!({"nome": "Café", "preco": "1.00", "sku": sku, "quantidade_disponivel": units});
    race.shop
        .staff
        .post("/products", &body)
        .await
        .expect(201)
        .id()
}

async fn buy_and_cancel(buyer: &Client, body: &Value) {
    for turn in 0..4 {
        let placed = buyer.post("/orders", body).await;
        if placed.status == 201 && turn % 2 == 0 {
            let cancel = json!({"status": "cancelled"});
            let _ = buyer.put(&path_of(&placed), &cancel).await.expect(200);
        } else {
            count(vec![placed], 201, &[SHORT]);
        }
    }
}

#[tokio::test]
async fn imports_that_count_what_is_ordered_moved_and_edited_leave_books_that_balance() {
    let race = Race::begin().await;
    let (ana, _) = race.shop.customer().await;
    let staff = race.each(&race.shop.staff, 2);
    let (tea, cup) = (
        numbered(&race, "TEA", 20).await,
        numbered(&race, "CUP", 20).await,
    );
    for round in 0..2 {
        let bodies = [
            order_of(&[(&tea, 1), (&cup, 1)]),
            order_of(&[(&cup, 2), (&tea, 1)]),
        ];
        let buyers = race.each(&ana, 8);
        let bought = buyers
            .iter()
            .enumerate()
            .map(|(n, buyer)| buy_and_cancel(buyer, &bodies[n / 2 % 2]));
        let imports = (0..6).map(|n| {
            // In another sequence each time, with a new product in each.
            let mut rows = [
                format!("TEA,Tea {n},2.00,{}", 10 + n),
                format!("CUP,Cup {n},3.00,{}", 15 - n),
                format!("NEW-{round},New,4.00,{n}"),
            ];
            rows.rotate_left(n % 3);
            let table = format!(
                "sku,nome,preco,quantidade_disponivel\n{}\n",
                rows.join("\n")
            );
            let (staff, path) = (
                &staff[n % 2],
                ["/products/import", "/products/import?atomic=true"][n / 2 % 2],
            );
            async move {
                let told = import(staff, path, None, &table).await.expect(200);
                assert_eq!(
                    (&told.body["type"], &told.body["is_applied"]),
                    (&json!("done"), &json!(true))
                );
            }
        });
        let movements = format!("/products/{tea}/stock/movements");
        let others = (0..4).map(|n| {
            let (staff, movements, cup) = (&staff[n % 2], &movements, format!("/products/{cup}"));
            async move {
                let moved = staff
                    .post(movements, &json!({"delta": -2, "reason": "loss"}))
                    .await;
                count(vec![moved], 201, &[SHORT]);
                let price = json!({"preco": format!("{}.00", n + 5)});
                let _ = staff.patch(&cup, "*", &price).await.expect(200);
            }
        });
        join(join_all(bought), join(join_all(imports), join_all(others))).await;
    }
    race.everything_holds().await;
}

async fn waiting(race: &Race) -> i64 {
    let waiting = "
        select count(*)
        from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    race.number(waiting).await
}

#[tokio::test]
async fn an_import_that_counts_a_product_which_just_got_its_number_leaves_books_that_balance() {
    let race = Race::begin().await;
    // A second server, whose orders can be stopped in the middle.
    let wire = Proxy::to_database(&race.shop.database).await;
    let stopped = race.shop.replica_with(|settings| {
        let url = wire.database_url(&race.shop.database);
        settings.database = DatabaseSettings::parse(&url, 8).unwrap();
    });
    let (ana, _) = race.shop.customer().await;
    let ana = ana.at(&stopped.anonymous());
    let (tea, cup) = (
        numbered(&race, "TEA", 5).await,
        race.shop.product("1.00", 10).await,
    );
    // Its connection is open, and what it sends is prepared.
    let _ = ana.order(&cup, 1).await.expect(201);

    // The import waits for the first product, before it has seen a second one.
    let holder = race.shop.database.client().await;
    let hold = format!("begin; select from stock where product_id = '{tea}' for update");
    holder.batch_execute(&hold).await.unwrap();
    let rows = "sku,nome,preco,quantidade_disponivel\nTEA,Tea,1.00,50\nCUP,Cup,1.00,50\n";
    let imports = import(&race.shop.staff, "/products/import", None, rows);
    let rest = async {
        eventually("the import waits", async || waiting(&race).await == 1).await;
        let path = format!("/products/{cup}");
        let _ = race
            .shop
            .staff
            .patch(&path, "*", &json!({"sku": "CUP"}))
            .await
            .expect(200);
        // An order of the second product has locked it, and has not heard so.
        wire.hold();
        let is_free = format!(
            "select count(*) from (
                 select from stock where product_id = '{cup}' for update skip locked
             ) as free"
        );
        let orders = ana.order(&cup, 1);
        let rest = async {
            eventually("it is locked", async || race.number(&is_free).await == 0).await;
            holder.batch_execute("commit").await.unwrap();
            eventually("the import waits again", async || waiting(&race).await == 1).await;
            wire.let_go();
        };
        let (placed, ()) = join(orders, rest).await;
        let _ = placed.expect(201);
    };
    let (told, ()) = join(imports, rest).await;
    assert_eq!(told.expect(200).body["updated"], 2);
    race.everything_holds().await;
}
