//! What ends while it is used: customers, products, accounts and passwords. Each use comes before the
//! end or after it, whole.

use futures_util::future::{join, join_all};
use integration_tests::{Answer, Client, PASSWORD, World, eventually};
use serde_json::{Value, json};

use super::{Race, answered, count, order_of, path_of};

const ENDED: (u16, &str) = (401, "session_ended");
const INVALID: (u16, &str) = (422, "validation_failed");

/// Places one order after the other, every second one under a key, until one is refused for one of
/// these problems; returns how many there were.
async fn order_until_refused(buyer: &Client, body: &Value, problems: &[(u16, &str)]) -> usize {
    for n in 0.. {
        let mut request = buyer.request("POST", "/orders").json(body);
        if n % 2 == 1 {
            request = request.header("idempotency-key", World::id().to_string());
        }
        if count(vec![Answer::to(request).await], 201, problems) == 0 {
            return n;
        }
    }
    unreachable!("it ends some time");
}

const ORDERS: &str = "select count(*) from orders";

/// Waits until there are more than these, and others are under way. Nobody's own order is waited for:
/// under way beside those of others, it may take long.
async fn some_are_placed(race: &Race, before: i64) {
    let is_placed = async || race.number(ORDERS).await > before + 2;
    eventually("some orders are placed", is_placed).await;
}

#[tokio::test]
async fn a_customer_who_is_erased_while_they_order_leaves_whole_orders_and_nothing_else() {
    let race = Race::begin().await;
    let product = race.shop.product("1.00", 1_000_000).await;
    let mut placed = 0;
    for round in 0..4 {
        let (ana, id) = race.shop.customer().await;
        let own = order_of(&[(&product, 1)]);
        let mut of_the_shop = own.clone();
        of_the_shop["customer_id"] = json!(id);
        let first = path_of(&ana.order(&product, 1).await.expect(201));
        let before = race.number(ORDERS).await;
        let (buyers, staff) = (race.each(&ana, 6), race.each(&race.shop.staff, 2));
        let own = buyers.iter().map(|buyer| (buyer, &own));
        let all = own.chain(staff.iter().map(|staff| (staff, &of_the_shop)));
        let orders = all.map(|(who, body)| order_until_refused(who, body, &[ENDED, INVALID]));
        let erase = async {
            some_are_placed(&race, before).await;
            let note = json!({"status": "cancelled", "note": "for my mother"});
            let path = format!("/customers/{id}");
            let leaves = race.at(&ana, round);
            let (erased, noted) =
                join(answered(|| leaves.delete(&path)), ana.put(&first, &note)).await;
            let _ = erased.expect(204);
            count(vec![noted], 200, &[(404, "not_found"), ENDED])
        };
        let (orders, cancelled) = join(join_all(orders), erase).await;
        placed += 1 - cancelled + orders.iter().sum::<usize>();
        let left = i64::try_from(1_000_000 - placed).unwrap();
        assert_eq!(race.shop.available(&product).await, left);
    }
    let left = "
        select (select count(*) from users where role = 'customer')
             + (select count(*)
                from idempotency_keys
                join users on users.id = account_id
                where role = 'customer')
             + (select count(*) from order_history where note is not null)
             + (select count(*) from customers where erased_at is null)";
    assert_eq!(race.number(left).await, 0);
    race.everything_holds().await;
}

#[tokio::test]
async fn a_product_that_is_retired_while_it_is_ordered_edited_and_counted_stays_whole() {
    let race = Race::begin().await;
    let (ana, _) = race.shop.customer().await;
    let staff = race.each(&race.shop.staff, 2);
    for _ in 0..3 {
        let (product, other) = (
            race.shop.product("1.00", 1_000_000).await,
            race.shop.product("1.00", 1_000_000).await,
        );
        let path = format!("/products/{product}");
        let body = order_of(&[(&product, 1), (&other, 1)]);
        let before = race.number(ORDERS).await;
        let buyers = race.each(&ana, 6);
        let orders = buyers
            .iter()
            .map(|buyer| order_until_refused(buyer, &body, &[INVALID]));
        let retire = async {
            some_are_placed(&race, before).await;
            let count = json!({"delta": 5, "reason": "receipt"});
            let movements = format!("{path}/stock/movements");
            let price = json!({"preco": "2.00"});
            let retire = async { staff[0].delete(&path).await.expect(204) };
            let move_units = async { staff[1].post(&movements, &count).await.expect(201) };
            let edit = async { staff[1].patch(&path, "*", &price).await.expect(200) };
            let _ = join(retire, join(move_units, edit)).await;
        };
        let (orders, ()) = join(join_all(orders), retire).await;
        let placed = i64::try_from(orders.iter().sum::<usize>()).unwrap();
        assert_eq!(race.shop.available(&product).await, 1_000_005 - placed);
        assert_eq!(race.shop.available(&other).await, 1_000_000 - placed);
    }
    race.everything_holds().await;
}

#[tokio::test]
async fn an_account_that_is_disabled_while_it_orders_and_makes_keys_can_do_nothing_afterwards() {
    let race = Race::begin().await;
    let admin = race.shop.server.admin().await;
    let product = race.shop.product("1.00", 1_000_000).await;
    for round in 0..3 {
        let (ana, _) = race.shop.customer().await;
        let (email, id) = (ana.email().await, ana.get("/me").await.expect(200).id());
        let (body, sessions) = (order_of(&[(&product, 1)]), race.each(&ana, 4));
        let orders = sessions
            .iter()
            .map(|buyer| order_until_refused(buyer, &body, &[ENDED]));
        let scopes = json!({"name": "ERP", "scopes": ["orders:write"]});
        let keys = join_all(
            sessions
                .iter()
                .map(|owner| owner.post("/api-keys", &scopes)),
        );
        let login = json!({"email": email, "password": PASSWORD});
        let anonymous = race.each(&race.shop.anonymous(), 4);
        let logins = join_all(
            anonymous
                .iter()
                .map(|client| client.post("/auth/login", &login)),
        );
        let disable = json!({"disabled": true});
        let path = format!("/users/{id}");
        let (admin, ending) = (race.at(&admin, round), admin.patch(&path, "*", &disable));
        let ((_, disabled), (keys, logins)) =
            join(join(join_all(orders), ending), join(keys, logins)).await;
        let _ = disabled.expect(200);
        for key in keys.iter().filter(|key| key.status == 201) {
            let machine = admin.with_token(key.body["key"].as_str().unwrap());
            let is_refused = || async { machine.order(&product, 1).await.status == 401 };
            eventually("a key of who is disabled is refused", is_refused).await;
        }
        for begun in logins.iter().filter(|login| login.status == 200) {
            anonymous[0]
                .with_tokens(begun)
                .0
                .hears_that_it_ended()
                .await;
        }
        count(logins, 200, &[(403, "account_disabled")]);
    }
    let sessions = "
        select count(*) from sessions join users on users.id = account_id where disabled_at is not null";
    assert_eq!(race.number(sessions).await, 0);
    race.everything_holds().await;
}

#[tokio::test]
async fn a_password_that_is_replaced_while_many_log_in_leaves_no_session_of_the_old_one() {
    let race = Race::begin().await;
    for round in 0..5 {
        let (ana, _) = race.shop.customer().await;
        let email = ana.email().await;
        let login = json!({"email": email, "password": PASSWORD});
        // Each from another address: who fails often is slowed down.
        let anonymous: Vec<_> = (0..6)
            .map(|n| race.at(&race.shop.anonymous().coming_from([127, 0, 2, n]), n.into()))
            .collect();
        let logins = join_all(
            anonymous
                .iter()
                .map(|client| client.post("/auth/login", &login)),
        );
        let change =
            json!({"current_password": PASSWORD, "new_password": "another battery staple"});
        let owner = race.at(&ana, round);
        let (logins, changed) = join(logins, owner.put("/me/password", &change)).await;
        let (new, _) = ana.with_tokens(&changed.expect(200));
        for begun in logins.iter().filter(|login| login.status == 200) {
            anonymous[0]
                .with_tokens(begun)
                .0
                .hears_that_it_ended()
                .await;
        }
        count(logins, 200, &[(401, "wrong_credentials")]);
        let sessions = new.get("/me/sessions").await.expect(200);
        assert_eq!(sessions.items().len(), 1, "{}", sessions.body);
    }
}
