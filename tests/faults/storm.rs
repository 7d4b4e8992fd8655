//! Buyers who order under keys, try again until they know what became of an order, cancel some of
//! them, and look at what they are shown.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use uuid::Uuid;

use crate::arena::Arena;

/// How many buyers order at once.
pub(crate) const BUYERS: usize = 16;

/// Who hears nothing for so long takes it that there will be no answer.
const SILENCE: Duration = Duration::from_secs(10);

/// How long a buyer waits before trying again.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a buyer goes on trying after the storm before it gives an order up.
const PERSISTENCE: Duration = Duration::from_secs(30);

pub(crate) struct Storm {
    buyers: JoinSet<()>,
    is_over: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
}

/// What the buyers have seen.
#[derive(Default, Clone)]
pub(crate) struct Seen {
    /// Every try: when it was answered, after how long, and how.
    pub(crate) tries: Vec<Try>,
    /// The orders that were acknowledged, and whether their cancellation was.
    pub(crate) orders: Vec<Acknowledged>,
    /// The keys of orders that were refused for lack of stock.
    pub(crate) refused: Vec<Uuid>,
    /// Orders of which nobody was told what became.
    pub(crate) given_up: usize,
    /// What must never be: an answer that is wrong, or older than an acknowledged write.
    pub(crate) wrong: Vec<String>,
}

#[derive(Clone, Copy)]
pub(crate) struct Try {
    pub(crate) at: Instant,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
}

/// How a try ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Status(u16),
    /// The connection was refused, or broke.
    Broken,
    Silent,
}

#[derive(Clone)]
pub(crate) struct Acknowledged {
    pub(crate) id: Uuid,
    pub(crate) items: i64,
    pub(crate) is_cancelled: bool,
}

impl Storm {
    pub(crate) fn begin(arena: &Arena) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::<Mutex<Seen>>::default();
        let mut buyers = JoinSet::new();
        for (n, token) in arena.tokens.iter().enumerate() {
            let buyer = Buyer {
                // A connection for each request, as a proxy has it: whoever is ready gets the next.
                http: reqwest::Client::builder()
                    .pool_max_idle_per_host(0)
                    .build()
                    .unwrap(),
                base: format!("http://{}", arena.balancer.addr),
                token: token.clone(),
                products: arena.products.clone(),
                is_over: Arc::clone(&is_over),
                seen: Arc::clone(&seen),
            };
            buyers.spawn(buyer.order_on_and_on(n));
        }
        Self {
            buyers,
            is_over,
            seen,
        }
    }

    /// Waits until every buyer knows what became of the last order.
    pub(crate) async fn end(self) -> Seen {
        self.is_over.store(true, Ordering::Relaxed);
        self.buyers.join_all().await;
        self.seen.lock().unwrap().clone()
    }
}

struct Buyer {
    http: reqwest::Client,
    base: String,
    token: String,
    products: Vec<Uuid>,
    is_over: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
}

impl Buyer {
    async fn order_on_and_on(self, first: usize) {
        let mut n = first;
        while !self.is_over.load(Ordering::Relaxed) {
            n += 1;
            let Some(order) = self.order(n).await else {
                continue;
            };
            let id = order["id"].as_str().unwrap().parse().unwrap();
            let items = order["itens"].as_array().unwrap().len();
            let items = i64::try_from(items).unwrap();
            let is_to_be_cancelled = n.is_multiple_of(3);
            if is_to_be_cancelled {
                // From then on a cache has it as it will not be any more.
                self.look_at(id, "pending", false).await;
            }
            let is_cancelled = is_to_be_cancelled && self.cancel(id).await;
            self.seen.lock().unwrap().orders.push(Acknowledged {
                id,
                items,
                is_cancelled,
            });
            let status = if is_cancelled { "cancelled" } else { "pending" };
            // From both replicas, most likely: what one has written the other must know.
            for _ in 0..2 {
                self.look_at(id, status, is_to_be_cancelled && !is_cancelled)
                    .await;
            }
        }
    }

    /// Orders under a key until it is known what became of it; `None` when it was refused or given up.
    async fn order(&self, n: usize) -> Option<Value> {
        let key = Uuid::new_v4();
        let (one, other) = (n % self.products.len(), (n * 7 + 3) % self.products.len());
        let mut items = vec![json!({"product_id": self.products[one], "quantidade": 1 + n % 3})];
        if other != one {
            items.push(json!({"product_id": self.products[other], "quantidade": 1}));
        }
        let body = json!({"itens": items});
        let began = Instant::now();
        while began.elapsed() < PERSISTENCE {
            let request = self.request(Method::POST, "/orders").json(&body);
            let request = request.header("Idempotency-Key", key.to_string());
            match self.send(request).await {
                Some((StatusCode::CREATED, order)) => return Some(order),
                Some((StatusCode::CONFLICT, _)) => {
                    self.seen.lock().unwrap().refused.push(key);
                    return None;
                }
                Some((StatusCode::SERVICE_UNAVAILABLE, _)) | None => {}
                Some((status, body)) => {
                    self.is_wrong(format!("an order was answered {status}: {body}"));
                }
            }
            sleep(PAUSE).await;
        }
        self.seen.lock().unwrap().given_up += 1;
        None
    }

    /// Cancels an order, once. Returns whether that was acknowledged.
    async fn cancel(&self, id: Uuid) -> bool {
        let request = self.request(Method::PUT, &format!("/orders/{id}"));
        match self
            .send(request.json(&json!({"status": "cancelled"})))
            .await
        {
            Some((StatusCode::OK, _)) => true,
            Some((StatusCode::SERVICE_UNAVAILABLE, _)) | None => false,
            Some((status, body)) => {
                self.is_wrong(format!("a cancellation was answered {status}: {body}"));
                false
            }
        }
    }

    /// Reads an order, which must be as it was acknowledged.
    async fn look_at(&self, id: Uuid, status: &str, may_be_cancelled: bool) {
        let request = self.request(Method::GET, &format!("/orders/{id}"));
        match self.send(request).await {
            Some((StatusCode::OK, order)) => {
                let is_as_acknowledged = order["status"] == status
                    || (may_be_cancelled && order["status"] == "cancelled");
                if !is_as_acknowledged {
                    self.is_wrong(format!(
                        "stale: {status} was acknowledged, {order} was read"
                    ));
                }
            }
            Some((StatusCode::SERVICE_UNAVAILABLE, _)) | None => {}
            Some((status, body)) => {
                self.is_wrong(format!(
                    "an order that there is was answered {status}: {body}"
                ));
            }
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        request.bearer_auth(&self.token)
    }

    /// Sends a request; `None` when there was no answer.
    async fn send(&self, request: RequestBuilder) -> Option<(StatusCode, Value)> {
        let began = Instant::now();
        let answer = timeout(SILENCE, async {
            let response = request.send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = response.json().await.unwrap_or_default();
            Ok::<_, reqwest::Error>((status, headers, body))
        });
        let (outcome, answer) = match answer.await {
            Ok(Ok((status, headers, body))) => {
                let is_later = status == StatusCode::SERVICE_UNAVAILABLE;
                if is_later && !headers.contains_key("retry-after") {
                    self.is_wrong(format!("503 without Retry-After: {body}"));
                }
                (Outcome::Status(status.as_u16()), Some((status, body)))
            }
            Ok(Err(_)) => (Outcome::Broken, None),
            Err(_) => (Outcome::Silent, None),
        };
        self.seen.lock().unwrap().tries.push(Try {
            at: Instant::now(),
            took: began.elapsed(),
            outcome,
        });
        answer
    }

    fn is_wrong(&self, what: String) {
        self.seen.lock().unwrap().wrong.push(what);
    }
}
