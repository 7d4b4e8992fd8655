//! Connections to PostgreSQL over which no answer comes any more though they are open, as behind a balancer or a
//! pooler that hangs; new ones are as ever.

use std::time::{Duration, Instant};

use adapters_postgres::DatabaseSettings;
use futures_util::future::{join_all, join3};
use integration_tests::{Answer, Client, PASSWORD, Proxy, Shop};
use serde_json::json;

/// Longer than anybody waits for an answer, exports and the first change after a while included.
const LATE: Duration = Duration::from_secs(4);

/// Until then every connection that is silent has been found out, and replaced.
const SOON: Duration = Duration::from_secs(10);

/// More often than there are connections of a kind.
const TIMES: usize = 5;

/// Requests that need each kind of connection.
struct Asked {
    staff: Client,
    ana: Client,
    email: String,
    product: String,
}

impl Asked {
    /// Asks for all of it at once, each more often than there are connections; says what was refused.
    async fn refused(&self) -> Vec<Answer> {
        let request = |n| {
            let (staff, ana) = (&self.staff, &self.ana);
            async move {
                match n % 8 {
                    0 => staff.get(&format!("/products/{}", self.product)).await,
                    1 => staff.get("/orders?status=pending").await,
                    2 => staff.get("/customers?q=ana").await,
                    3 => staff.get("/customers").await,
                    4 => ana.get("/me/sessions").await,
                    5 => ana.order(&self.product, 1).await,
                    6 => {
                        let change = json!({"preco": "2.00"});
                        let path = format!("/products/{}", self.product);
                        staff.patch(&path, "*", &change).await
                    }
                    _ => {
                        let login = json!({"email": self.email, "password": PASSWORD});
                        ana.post("/auth/login", &login).await
                    }
                }
            }
        };
        let asked = (0..TIMES * 8).map(|n| in_time(request(n)));
        let export = in_time(self.staff.get("/products/export"));
        let report = in_time(self.staff.get("/stock?below=5"));
        let (mut answers, export, report) = join3(join_all(asked), export, report).await;
        answers.extend([export, report]);
        answers.retain(|answer| !matches!(answer.status, 200 | 201));
        answers
    }
}

async fn in_time(request: impl Future<Output = Answer>) -> Answer {
    let began = Instant::now();
    let answer = request.await;
    assert!(began.elapsed() < LATE, "{:?}: {answer:?}", began.elapsed());
    answer
}

#[tokio::test]
async fn connections_over_which_nothing_comes_are_replaced_within_seconds() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 10_000).await;
    let (ana, _) = shop.customer().await;
    let wire = Proxy::to_database(&shop.database).await;
    let replica = shop.replica_with(|settings| {
        let url = wire.database_url(&shop.database);
        settings.database = DatabaseSettings::parse(&url, 8)
            .unwrap()
            .patience(settings.http.answer_timeout);
    });
    let asked = Asked {
        staff: shop.staff.at(&replica.anonymous()),
        email: ana.email().await,
        ana: ana.at(&replica.anonymous()),
        product,
    };
    for _ in 0..3 {
        let refused = asked.refused().await;
        assert!(refused.is_empty(), "{refused:?}");
    }

    wire.freeze();
    let began = Instant::now();
    loop {
        let refused = asked.refused().await;
        for answer in &refused {
            assert_eq!(answer.status, 503, "{answer:?}");
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
        }
        if refused.is_empty() {
            break;
        }
        assert!(began.elapsed() < SOON, "{refused:?}");
    }
}
