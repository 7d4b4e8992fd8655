//! Imports that meet orders, counts and edits of what they change.

use futures_util::future::{join, join_all};
use integration_tests::Client;
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
