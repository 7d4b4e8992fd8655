//! What there may be one of, and what somebody has seen before they change it: checked and acted upon
//! in one transaction, or by a constraint.

use futures_util::future::{join, join_all};
use integration_tests::{Client, PASSWORD};
use serde_json::{Value, json};

use super::{Race, answered, count, import};

const TAKEN: (u16, &str) = (409, "email_taken");

#[tokio::test]
async fn an_address_that_many_want_at_once_is_given_to_one() {
    let race = Race::begin().await;
    let admin = race.shop.server.admin().await;
    let (bob, bobs) = race.shop.customer().await;
    let bobs = format!("/customers/{bobs}");
    for round in 0..6 {
        let email = format!("ana-{round}@example.com");
        let signs_up = json!({"nome": "Ana", "email": email, "password": PASSWORD});
        let shouts = json!({"nome": "Ana", "email": email.to_uppercase(), "password": PASSWORD});
        let works = json!({"email": email, "role": "staff", "password": PASSWORD});
        let anonymous = race.each(&race.shop.anonymous(), 2);
        let (admin, bob) = (race.at(&admin, round), race.at(&bob, round + 1));
        let made = join_all([
            anonymous[0].post("/customers", &signs_up),
            anonymous[1].post("/customers", &shouts),
            anonymous[0].post("/customers", &shouts),
            admin.post("/users", &works),
        ]);
        let change = json!({"email": email});
        let (made, moved) = join(made, answered(|| bob.patch(&bobs, "*", &change))).await;
        assert_eq!(
            count(made, 201, &[TAKEN]) + count(vec![moved], 200, &[TAKEN]),
            1
        );
        let of =
            |table: &str| format!("select count(*) from {table} where lower(email) = '{email}'");
        assert_eq!(race.number(&of("users")).await, 1);
        assert!(race.number(&of("customers")).await <= 1);
    }
    // A customer and their account go by one address.
    let apart = "
        select count(*)
        from users
        join customers on customers.id = customer_id
        where users.email <> customers.email";
    assert_eq!(race.number(apart).await, 0);
}

#[tokio::test]
async fn a_number_that_many_want_at_once_is_given_to_one_product() {
    let race = Race::begin().await;
    let staff = race.each(&race.shop.staff, 2);
    for round in 0..6 {
        let sku = format!("CAFE-{round}");
        let path = format!("/products/{}", race.shop.product("1.00", 5).await);
        let new = json!({"nome": "Café", "preco": "1.00", "sku": sku, "quantidade_disponivel": 4});
        let made = join_all((0..4).map(|n| staff[n % 2].post("/products", &new)));
        let change = json!({"sku": sku});
        let moved = answered(|| staff[round % 2].patch(&path, "*", &change));
        let rows = format!("sku,nome,preco\n{sku},Imported,2.00\n");
        let imported = import(&staff[(round + 1) % 2], "/products/import", None, &rows);
        let (made, (moved, imported)) = join(made, join(moved, imported)).await;
        let taken = [(409, "sku_taken")];
        let given = count(made, 201, &taken);
        let given = given + count(vec![moved], 200, &taken);
        // The import makes a product, or changes the one that there is.
        let told = imported.expect(200).body;
        let number = |name: &str| told[name].as_u64().unwrap();
        let created = usize::try_from(number("created")).unwrap();
        assert_eq!(
            (given + created, number("created") + number("updated")),
            (1, 1),
            "{told}"
        );
        let sold = format!("select count(*) from products where sku = '{sku}'");
        assert_eq!(race.number(&sold).await, 1);
    }
    race.everything_holds().await;
}

#[tokio::test]
async fn of_administrators_who_demote_and_disable_each_other_at_two_servers_one_stays() {
    let race = Race::begin().await;
    for _ in 0..3 {
        let mut admins = Vec::new();
        for _ in 0..3 {
            let admin = race.shop.server.admin().await;
            let path = format!("/users/{}", admin.get("/me").await.expect(200).id());
            admins.push((admin, path));
        }
        let race = &race;
        let asked = admins.iter().enumerate().flat_map(|(n, (admin, _))| {
            admins
                .iter()
                .enumerate()
                .map(move |(m, (_, path))| async move {
                    let edit = [json!({"role": "staff"}), json!({"disabled": true})];
                    race.at(admin, n).patch(path, "*", &edit[(n + m) % 2]).await
                })
        });
        let refused = [
            (409, "last_admin"),
            (401, "session_ended"),
            (403, "forbidden"),
        ];
        count(join_all(asked).await, 200, &refused);
        let acting = "select count(*) from users where role = 'admin' and disabled_at is null";
        assert_eq!(race.number(acting).await, 1);
        // The next three are all that there are.
        let client = race.shop.database.client().await;
        let leave = "update users set role = 'staff' where role = 'admin'";
        client.batch_execute(leave).await.unwrap();
    }
}

/// Of many who have seen one version, at two servers, one makes their change.
async fn one_wins(race: &Race, admin: &Client, path: &str, change: impl Fn(usize) -> Value) {
    for round in 0..3 {
        let tag = admin.get(path).await.expect(200).tag();
        let editors = race.each(admin, 10);
        // What changes nothing is no edit: no change is asked for twice.
        let changes: Vec<_> = (0..10).map(|n| change(100 + 10 * round + n)).collect();
        let edited = editors.iter().zip(&changes);
        let edited = edited.map(|(editor, change)| editor.patch(path, &tag, change));
        let edited = join_all(edited).await;
        let won = edited.iter().find(|answer| answer.status == 200);
        let won = won.map(|answer| (answer.body.clone(), answer.tag()));
        assert_eq!(count(edited, 200, &[(412, "stale")]), 1, "{path}");
        for reader in race.each(admin, 2) {
            let kept = reader.get(path).await.expect(200);
            assert_eq!(Some((kept.body.clone(), kept.tag())), won);
        }
    }
}

#[tokio::test]
async fn of_editors_at_two_servers_who_have_seen_one_version_one_wins() {
    let race = Race::begin().await;
    let admin = race.shop.server.admin().await;
    let product = format!("/products/{}", race.shop.product("1.00", 5).await);
    let dearer = |n| json!({"nome": format!("Editor {n}"), "preco": format!("{n}.00")});
    one_wins(&race, &admin, &product, dearer).await;
    let (ana, id) = race.shop.customer().await;
    let moved = |n| json!({"nome": format!("Editor {n}"), "email": format!("ana-{n}@example.com")});
    one_wins(&race, &admin, &format!("/customers/{id}"), moved).await;
    // Of a customer's account there is only whether it is disabled: in turns, and all want the same.
    let account = format!("/users/{}", ana.get("/me").await.expect(200).id());
    for is_disabled in [true, false, true] {
        let tag = admin.get(&account).await.expect(200).tag();
        let editors = race.each(&admin, 8);
        let change = json!({"disabled": is_disabled});
        let edited = editors
            .iter()
            .map(|editor| editor.patch(&account, &tag, &change));
        assert_eq!(count(join_all(edited).await, 200, &[(412, "stale")]), 1);
    }
}
