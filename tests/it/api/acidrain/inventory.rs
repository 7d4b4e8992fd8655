//! The paper's inventory invariant: stock never falls below nothing, and what is left and what was
//! sold are what there was, whoever buys, cancels, moves and counts meanwhile.

use futures_util::future::{join, join_all};
use integration_tests::{Answer, Client, Shop};
use serde_json::{Value, json};

use super::{Race, count, order_of, path_of};

const SHORT: (u16, &str) = (409, "insufficient_stock");

/// A count of what there is, by somebody who has seen it as it was.
enum Seen<'a> {
    Tag(&'a str),
    Expected(i64),
}

async fn recount(staff: &Client, product: &str, seen: Seen<'_>, units: i64) -> Answer {
    let request = staff.request("PUT", &format!("/products/{product}/stock"));
    let mut body = json!({"quantidade_disponivel": units});
    Answer::to(match seen {
        Seen::Tag(tag) => request.header("if-match", tag).json(&body),
        Seen::Expected(level) => {
            body["expected"] = json!(level);
            request.json(&body)
        }
    })
    .await
}

async fn move_units(staff: &Client, product: &str, delta: i64, reason: &str) -> Answer {
    let body = json!({"delta": delta, "reason": reason});
    staff
        .post(&format!("/products/{product}/stock/movements"), &body)
        .await
}

/// The balances that the ledger shows begin with nothing and never fall below it: its moments
/// follow each other as the changes did.
async fn the_ledger_tells_one_story(shop: &Shop, product: &str) {
    let path = format!("/products/{product}/stock/movements?limit=7");
    let entries = shop.staff.walk(&path).await;
    let number = |entry: &Value, name: &str| entry[name].as_i64().unwrap();
    assert_eq!(
        number(&entries[0], "balance"),
        shop.available(product).await
    );
    let mut after = number(&entries[0], "balance");
    for entry in &entries {
        assert_eq!(number(entry, "balance"), after, "{entry}");
        assert!(after >= 0, "{entry}");
        after -= number(entry, "delta");
    }
    assert_eq!(after, 0);
}

#[tokio::test]
async fn buyers_at_two_servers_buy_no_more_than_there_is() {
    let race = Race::begin().await;
    let (ana, _) = race.shop.customer().await;
    for round in 0..6 {
        // Few who want much, too: the first orders are each placed alone.
        let (there_is, wanted, sold) = [(10, 1, 10), (4, 3, 1), (7, 2, 3)][round % 3];
        let product = race.shop.product("1.00", there_is).await;
        let buyers = race.each(&ana, 24);
        let orders = join_all(buyers.iter().map(|buyer| buyer.order(&product, wanted))).await;
        assert_eq!(count(orders, 201, &[SHORT]), sold);
        assert_eq!(race.shop.available(&product).await, there_is % wanted);
    }
    race.everything_holds().await;
}

/// Buys two of three products in one sequence or the other, and may cancel, twice at once.
async fn buy_and_perhaps_cancel(race: &Race, ana: &Client, products: &[String], n: usize) {
    let (first, second) = (&products[n % 3], &products[(n + 1 + n % 2) % 3]);
    for turn in 0..3 {
        let body = order_of(&[(first, 1), (second, 2)]);
        let placed = race.at(ana, n + turn).post("/orders", &body).await;
        if placed.status == 201 && !(n + turn).is_multiple_of(3) {
            let (path, cancel) = (path_of(&placed), json!({"status": "cancelled"}));
            let (here, there) = (race.at(ana, 0), race.at(ana, 1));
            let both = join(here.put(&path, &cancel), there.put(&path, &cancel)).await;
            let _ = (both.0.expect(200), both.1.expect(200));
        } else {
            count(vec![placed], 201, &[SHORT]);
        }
    }
}

/// Counts one unit more than it has seen, for so long as it has seen what there is.
async fn find_one_more(staff: &Client, product: &str) -> i64 {
    let path = format!("/products/{product}/stock");
    let mut found = 0;
    for turn in 0..4 {
        let seen = staff.get(&path).await.expect(200);
        let level = seen.body["quantidade_disponivel"].as_i64().unwrap();
        let tag = seen.tag();
        let counted = match turn % 2 {
            0 => recount(staff, product, Seen::Tag(&tag), level + 1).await,
            _ => recount(staff, product, Seen::Expected(level), level + 1).await,
        };
        let refused = [(412, "stale"), (409, "stock_changed")];
        found += i64::try_from(count(vec![counted], 200, &refused)).unwrap();
    }
    found
}

#[tokio::test]
async fn whoever_buys_cancels_moves_and_counts_at_once_the_books_balance() {
    let race = Race::begin().await;
    let (ana, _) = race.shop.customer().await;
    let staff = race.each(&race.shop.staff, 2);
    for _ in 0..2 {
        let mut products = Vec::new();
        for units in [9, 11, 13] {
            products.push(race.shop.product("1.00", units).await);
        }
        let buyers = (0..14).map(|n| buy_and_perhaps_cancel(&race, &ana, &products, n));
        let counters = staff.iter().zip(&products);
        let counters = join_all(counters.map(|(staff, product)| find_one_more(staff, product)));
        let movers = join_all((0..6).map(async |n| {
            let (staff, product) = (&staff[n % 2], &products[n % 3]);
            let (delta, reason) = [(2, "receipt"), (-3, "loss")][n % 2];
            let mut moved = 0;
            for _ in 0..4 {
                let answer = move_units(staff, product, delta, reason).await;
                moved += delta * i64::try_from(count(vec![answer], 201, &[SHORT])).unwrap();
            }
            moved
        }));
        let (_, (found, moved)) = join(join_all(buyers), join(counters, movers)).await;
        // What was found and moved is known from the answers: the stock is not asked about itself.
        let change: i64 = found.iter().chain(&moved).sum();
        let of = format!("product_id in ('{}')", products.join("', '"));
        let there_is = format!(
            "select ((select sum(quantidade_disponivel) from stock where {of}) + (
                 select coalesce(sum(quantidade), 0)
                 from itens_order
                 join orders on orders.id = order_id
                 where {of} and status <> 'cancelled'
             ))::bigint"
        );
        assert_eq!(race.number(&there_is).await, 9 + 11 + 13 + change);
        for product in &products {
            the_ledger_tells_one_story(&race.shop, product).await;
        }
    }
    race.everything_holds().await;
}

#[tokio::test]
async fn of_counters_who_have_seen_one_level_one_counts() {
    let race = Race::begin().await;
    for round in 0..6 {
        let product = race.shop.product("1.00", 5).await;
        let tag = race
            .shop
            .staff
            .get(&format!("/products/{product}/stock"))
            .await
            .tag();
        let counters = race.each(&race.shop.staff, 12);
        let counted = join_all(counters.iter().zip(6..).map(|(staff, units)| {
            let seen = match round % 2 {
                0 => Seen::Tag(&tag),
                _ => Seen::Expected(5),
            };
            recount(staff, &product, seen, units)
        }))
        .await;
        let refused = [(412, "stale"), (409, "stock_changed")];
        assert_eq!(count(counted, 200, &refused), 1);
    }
    race.everything_holds().await;
}

#[tokio::test]
async fn what_is_there_once_is_taken_away_once() {
    let race = Race::begin().await;
    let (ana, _) = race.shop.customer().await;
    for _ in 0..6 {
        let product = race.shop.product("1.00", 5).await;
        let takers = race.each(&race.shop.staff, 8);
        let losses = join_all(
            takers
                .iter()
                .map(|staff| move_units(staff, &product, -3, "loss")),
        );
        let buyers = race.each(&ana, 4);
        let orders = join_all(buyers.iter().map(|buyer| buyer.order(&product, 3)));
        let (losses, orders) = join(losses, orders).await;
        assert_eq!(
            count(losses, 201, &[SHORT]) + count(orders, 201, &[SHORT]),
            1
        );
        assert_eq!(race.shop.available(&product).await, 2);
    }
    race.everything_holds().await;
}

#[tokio::test]
async fn the_books_balance_at_every_moment_and_not_only_at_last() {
    let race = Race::begin().await;
    let (ana, _) = race.shop.customer().await;
    let products = [
        race.shop.product("1.00", 60).await,
        race.shop.product("1.00", 60).await,
        race.shop.product("1.00", 60).await,
    ];
    let buyers = join_all((0..12).map(|n| buy_and_perhaps_cancel(&race, &ana, &products, n)));
    let auditor = async {
        for _ in 0..20 {
            assert_eq!(race.discrepancies().await, 0);
        }
    };
    join(buyers, auditor).await;
    race.everything_holds().await;
}
