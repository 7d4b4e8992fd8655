//! A standby that serves what may be a moment old: how old that is, and what never is.

use std::time::{Duration, Instant, SystemTime};

use integration_tests::{Answer, Client, PrivatePostgres, Shop, TestDatabase, eventually};
use serde_json::json;
use tokio_postgres::Client as Session;

const LONG: Duration = Duration::from_mins(10);

/// A shop on a PostgreSQL that another one follows.
struct Followed {
    shop: Shop,
    /// What it follows. Declared after the shop, so that its database can be dropped.
    _primary: PrivatePostgres,
    standby: PrivatePostgres,
    /// Past the product, on the standby.
    session: Session,
}

impl Followed {
    async fn within(max_lag: Duration) -> Self {
        let primary = PrivatePostgres::start().await;
        let standby = primary.standby().await;
        let shop = Shop::followed(&primary, &standby, max_lag).await;
        let name = shop.database.name().to_owned();
        let looker = standby.client("balcao").await;
        eventually("the database is there, too", || async {
            let is_there = "select exists (select from pg_database where datname = $1)";
            looker.query_one(is_there, &[&name]).await.unwrap().get(0)
        })
        .await;
        let session = standby.client(&name).await;
        Self {
            shop,
            _primary: primary,
            standby,
            session,
        }
    }

    async fn sign_up(&self) -> Answer {
        let email = format!("{}@example.com", uuid::Uuid::new_v4().simple());
        let body = json!({"nome": "Ana Souza", "email": email});
        self.shop.staff.post("/customers", &body).await.expect(201)
    }

    /// Whether the newest customers of the list have this one.
    async fn lists(&self, customer: &Answer) -> bool {
        let list = self.shop.staff.get(CUSTOMERS).await.expect(200);
        has(&list, customer)
    }

    /// Waits until the standby serves.
    async fn is_read(&self) {
        eventually("the standby is read", || async {
            let now = "select clock_timestamp()";
            let now: SystemTime = self.session.query_one(now, &[]).await.unwrap().get(0);
            let _ = self.shop.staff.get(CUSTOMERS).await.expect(200);
            let is_read = "
                select exists (
                    select
                    from pg_stat_activity
                    where query like '%from customers%'
                      and pid <> pg_backend_pid()
                      and query_start > $1
                )";
            self.session
                .query_one(is_read, &[&now])
                .await
                .unwrap()
                .get(0)
        })
        .await;
    }
}

const CUSTOMERS: &str = "/customers?sort=-created_at";

fn has(list: &Answer, entry: &Answer) -> bool {
    list.items()
        .iter()
        .any(|item| item["id"] == entry.body["id"])
}

/// What is answered to a request that names the position of a write.
async fn get_since(client: &Client, path: &str, write: &Answer) -> Answer {
    let position = write.header("balcao-position").unwrap();
    Answer::to(
        client
            .request("GET", path)
            .header("balcao-position", position),
    )
    .await
}

#[tokio::test]
async fn what_the_shop_lists_may_be_old_but_not_older_than_what_it_asks_for() {
    let followed = Followed::within(LONG).await;
    let shop = &followed.shop;
    let product = shop.product("1.00", 100).await;
    let (ana, ana_id) = shop.customer().await;
    followed.is_read().await;
    followed.standby.pause_replay().await;
    let customer = followed.sign_up().await;
    let order = ana.order(&product, 1).await.expect(201);

    let old = shop.staff.get("/orders").await.expect(200);
    assert!(!has(&old, &order), "the shop's list is the standby's");
    let list = get_since(&shop.staff, "/orders", &order).await.expect(200);
    assert!(has(&list, &order));
    let list = get_since(&shop.staff, CUSTOMERS, &customer).await;
    assert!(has(&list.expect(200), &customer));

    let export = "/customers/export";
    let id = customer.id();
    let exported = async |answer: Answer| answer.expect(200).body.to_string().contains(&id);
    assert!(!exported(shop.staff.get(export).await).await);
    assert!(exported(get_since(&shop.staff, export, &customer).await).await);

    // By id, and what customers see of themselves.
    let _ = shop
        .staff
        .get(&format!("/customers/{id}"))
        .await
        .expect(200);
    let _ = shop
        .staff
        .get(&format!("/orders/{}", order.id()))
        .await
        .expect(200);
    let own = ana.get("/orders").await.expect(200);
    assert!(has(&own, &order));
    let told = ana
        .get(&format!("/customers/{ana_id}/export"))
        .await
        .expect(200);
    assert!(told.body.to_string().contains(&order.id()));

    followed.standby.resume_replay().await;
    eventually("the standby has it, too", || async {
        has(&shop.staff.get("/orders").await.expect(200), &order)
    })
    .await;
    let malformed = shop
        .staff
        .request("GET", "/orders")
        .header("balcao-position", "last");
    let _ = Answer::to(malformed)
        .await
        .expect_problem(400, "malformed_position");
}

#[tokio::test]
async fn one_that_is_too_far_behind_or_away_is_not_read() {
    let followed = Followed::within(Duration::from_secs(1)).await;
    followed.is_read().await;
    followed.standby.pause_replay().await;
    let customer = followed.sign_up().await;
    eventually("it is too far behind", || followed.lists(&customer)).await;
    let customer = followed.sign_up().await;
    assert!(followed.lists(&customer).await);

    // Whoever asks at that moment waits for less than an answer may take.
    let lists_at_once = async || {
        let customer = followed.sign_up().await;
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(3) {
            let listed = Instant::now();
            let _ = followed.lists(&customer).await;
            assert!(listed.elapsed() < Duration::from_secs(2));
        }
        assert!(followed.lists(&customer).await);
    };
    followed.standby.resume_replay().await;
    followed.is_read().await;
    followed.standby.signal("-STOP").await;
    lists_at_once().await;
    followed.standby.signal("-CONT").await;
    followed.is_read().await;
    followed.standby.crash().await;
    lists_at_once().await;
}

#[tokio::test]
async fn what_takes_long_there_or_is_in_the_way_is_read_once_more_on_the_primary() {
    let followed = Followed::within(LONG).await;
    let shop = &followed.shop;
    followed.is_read().await;
    // On the standby alone every row takes its time.
    let slow = "
        alter table customers rename to all_customers;
        create view customers as
        select * from all_customers where not pg_is_in_recovery() or pg_sleep(600) is not null";
    let client = shop.database.client().await;
    client.batch_execute(slow).await.unwrap();
    let customer = followed.sign_up().await;
    let is_slow = "select exists (select from pg_stat_activity where wait_event = 'PgSleep')";
    // Once it is there, too, it takes longer than a list may.
    let list = get_since(&shop.staff, CUSTOMERS, &customer).await;
    assert!(has(&list.expect(200), &customer));

    let list = async {
        let list = shop.staff.get(CUSTOMERS).await.expect(200);
        assert!(has(&list, &customer));
    };
    let get_in_the_way = async {
        eventually("the standby reads", || async {
            let is_slow = followed.session.query_one(is_slow, &[]).await.unwrap();
            is_slow.get(0)
        })
        .await;
        let lock = "begin; lock table all_customers in access exclusive mode; commit";
        client.batch_execute(lock).await.unwrap();
    };
    tokio::join!(list, get_in_the_way);
    eventually("the standby had to end it", || async {
        let conflicts = "
            select confl_lock > 0 from pg_stat_database_conflicts where datname = current_database()";
        let conflicts = followed.session.query_one(conflicts, &[]).await.unwrap();
        conflicts.get(0)
    })
    .await;
}

#[tokio::test]
async fn what_follows_another_primary_is_not_read() {
    let other = TestDatabase::migrated().await;
    let shop = Shop::following(TestDatabase::migrated().await, &other.url(), LONG).await;
    let (own, others) = (shop.database.client().await, other.client().await);
    let email = format!("{}@example.com", uuid::Uuid::new_v4().simple());
    let body = json!({"nome": "Ana Souza", "email": email});
    let customer = shop.staff.post("/customers", &body).await.expect(201);
    let is_listed = || async { has(&shop.staff.get(CUSTOMERS).await.expect(200), &customer) };
    eventually("the time is told", || async {
        let told = own.query_opt("select from heartbeat", &[]).await.unwrap();
        told.is_some()
    })
    .await;
    let whose = own.query_one("select shop, timeline from heartbeat", &[]);
    let whose = whose.await.unwrap();
    let (own_shop, timeline): (uuid::Uuid, String) = (whose.get(0), whose.get(1));
    let pretend = async |shop: uuid::Uuid, timeline: &str, ahead: &str| {
        let row = format!(
            "delete from heartbeat;
             insert into heartbeat (shop, timeline, at)
             values ('{shop}', '{timeline}', clock_timestamp() + interval '{ahead}')"
        );
        others.batch_execute(&row).await.unwrap();
    };
    let another = uuid::Uuid::new_v4();
    for (shop, timeline, ahead) in [
        (another, timeline.as_str(), "0"),
        (own_shop, "000000FF", "0"),
        (own_shop, timeline.as_str(), "1 hour"),
    ] {
        pretend(own_shop, whose.get("timeline"), "0").await;
        eventually("it is taken for the standby", || async {
            !is_listed().await
        })
        .await;
        pretend(shop, timeline, ahead).await;
        eventually("it is found out", &is_listed).await;
    }
}
