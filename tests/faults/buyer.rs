//! A buyer, who orders under keys, tries again until it is known what became of an order, cancels some of
//! them, changes their own name, and looks at what is shown.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{HeaderMap, HeaderValue},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::{
    arena::{Arena, Customer, before},
    storm::{Acknowledged, Outcome, Seen, Try},
};

/// Who hears nothing for so long takes it that there will be no answer.
const SILENCE: Duration = Duration::from_secs(10);

/// Names the position of a write in PostgreSQL's log.
const POSITION: &str = "balcao-position";

/// How long a buyer waits before trying again.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a buyer goes on trying after the storm before it gives an order up.
const PERSISTENCE: Duration = Duration::from_secs(30);

/// How many of their orders a buyer remembers.
const EARLIER: usize = 64;

pub(crate) struct Buyer {
    http: reqwest::Client,
    base: String,
    customer: Customer,
    /// The token of an administrator, who sees what the buyer sees.
    boss: String,
    products: Vec<Uuid>,
    /// Not of the release before, which does not count the connections that it does that with.
    reads_products: bool,
    is_over: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
}

impl Buyer {
    pub(crate) fn new(
        arena: &Arena,
        customer: &Customer,
        is_over: Arc<AtomicBool>,
        seen: Arc<Mutex<Seen>>,
    ) -> Self {
        Self {
            // A connection for each request, as a proxy has it: whoever is ready gets the next.
            http: reqwest::Client::builder()
                .pool_max_idle_per_host(0)
                .build()
                .unwrap(),
            base: format!("http://{}", arena.balancer.addr),
            customer: customer.clone(),
            boss: arena.boss.clone(),
            products: arena.products.clone(),
            reads_products: before().is_none(),
            is_over,
            seen,
        }
    }

    /// Goes on until the storm is over.
    pub(crate) async fn order_on_and_on(self, first: usize) {
        let mut n = first;
        let mut earlier = VecDeque::new();
        while !self.is_over.load(Ordering::Relaxed) {
            n += 1;
            let Some((order, position)) = self.order(n).await else {
                continue;
            };
            let id = order["id"].as_str().unwrap().parse().unwrap();
            let items = order["itens"].as_array().unwrap().len();
            let items = i64::try_from(items).unwrap();
            let is_to_be_cancelled = n.is_multiple_of(3);
            if is_to_be_cancelled {
                // From then on a cache has it as it will not be any more.
                self.look_at(id, "pending", false, self.customer()).await;
            }
            let is_cancelled = is_to_be_cancelled && self.cancel(id).await;
            self.seen.lock().unwrap().orders.push(Acknowledged {
                id,
                items,
                is_cancelled,
            });
            let status = if is_cancelled { "cancelled" } else { "pending" };
            let may_be_cancelled = is_to_be_cancelled && !is_cancelled;
            // From both replicas, most likely: what one has written the other must know, whoever asks.
            for token in [self.customer(), &self.boss] {
                self.look_at(id, status, may_be_cancelled, token).await;
            }
            // What was written long ago is as it was, whatever has come back with an older one since.
            earlier.push_back((id, status, may_be_cancelled));
            if earlier.len() > EARLIER {
                earlier.pop_front();
            }
            let (id_before, status, may_be_cancelled) = earlier[n * 7 % earlier.len()];
            self.look_at(id_before, status, may_be_cancelled, self.customer())
                .await;
            if n.is_multiple_of(2) {
                self.look_for(id, position).await;
            }
            if self.reads_products && n.is_multiple_of(5) {
                let product = self.products[n % self.products.len()];
                let _ = self.read(&format!("/products/{product}"), &self.boss).await;
            }
            if n.is_multiple_of(4) {
                self.change_name(&format!("Ana {n}")).await;
            }
        }
    }

    /// Orders under a key until it is known what became of it; `None` when it was refused or given up. Returns the
    /// order, and the position of the log in which it is, if that was told.
    async fn order(&self, n: usize) -> Option<(Value, Option<HeaderValue>)> {
        let key = Uuid::new_v4();
        let (one, other) = (n % self.products.len(), (n * 7 + 3) % self.products.len());
        let mut items = vec![json!({"product_id": self.products[one], "quantidade": 1 + n % 3})];
        if other != one {
            items.push(json!({"product_id": self.products[other], "quantidade": 1}));
        }
        let body = json!({"itens": items});
        let began = Instant::now();
        while began.elapsed() < PERSISTENCE {
            let request = self.request(Method::POST, "/orders", self.customer());
            let request = request.header("Idempotency-Key", key.to_string());
            match self.send(request.json(&body)).await {
                Some((StatusCode::CREATED, headers, order)) => {
                    return Some((order, headers.get(POSITION).cloned()));
                }
                Some((StatusCode::CONFLICT, _, _)) => {
                    self.seen.lock().unwrap().refused.push(key);
                    return None;
                }
                Some((StatusCode::SERVICE_UNAVAILABLE, _, _)) | None => {}
                Some((status, _, body)) => {
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
        let path = format!("/orders/{id}");
        let cancel = self.request(Method::PUT, &path, self.customer());
        match self
            .send(cancel.json(&json!({"status": "cancelled"})))
            .await
        {
            Some((StatusCode::OK, _, _)) => true,
            Some((StatusCode::SERVICE_UNAVAILABLE, _, _)) | None => false,
            Some((status, _, body)) => {
                self.is_wrong(format!("a cancellation was answered {status}: {body}"));
                false
            }
        }
    }

    /// Reads an order, which must be as it was acknowledged.
    async fn look_at(&self, id: Uuid, status: &str, may_be_cancelled: bool, token: &str) {
        let Some((order, _)) = self.read(&format!("/orders/{id}"), token).await else {
            return;
        };
        let is_as_acknowledged =
            order["status"] == status || (may_be_cancelled && order["status"] == "cancelled");
        if !is_as_acknowledged {
            self.is_wrong(format!(
                "stale: {status} was acknowledged, {order} was read"
            ));
        }
    }

    /// Lists the orders of the buyer as the shop's people do, who may be shown what is a moment old: not as old as to
    /// lack this one, if they say from when it is.
    async fn look_for(&self, id: Uuid, position: Option<HeaderValue>) {
        let path = format!("/orders?customer_id={}", self.customer.id);
        let Some(position) = position else { return };
        let list = self.request(Method::GET, &path, &self.boss);
        let list = self.read_with(list.header(POSITION, position)).await;
        let Some((list, _)) = list else { return };
        let items = list["items"].as_array().unwrap();
        if items.iter().all(|order| order["id"] != id.to_string()) {
            self.is_wrong(format!("stale: {id} was acknowledged, {list} was read"));
        }
    }

    /// Changes the name of the version that is read, which must be the new one from then on: a change of
    /// which nothing was heard can only have come before, for it was of an earlier version.
    async fn change_name(&self, name: &str) {
        let path = format!("/customers/{}", self.customer.id);
        let Some((_, headers)) = self.read(&path, self.customer()).await else {
            return;
        };
        let change = self.request(Method::PATCH, &path, self.customer());
        let change = change.header("if-match", &headers["etag"]);
        match self.send(change.json(&json!({"nome": name}))).await {
            Some((StatusCode::OK, _, _)) => {}
            Some((StatusCode::SERVICE_UNAVAILABLE, _, _)) | None => return,
            Some((StatusCode::PRECONDITION_FAILED, _, _)) => {
                // A change of which nothing was heard was made meanwhile, and is there to be read.
                if let Some((customer, now)) = self.read(&path, self.customer()).await
                    && now["etag"] == headers["etag"]
                {
                    self.is_wrong(format!(
                        "stale: what is refused as old was read: {customer}"
                    ));
                }
                return;
            }
            Some((status, _, body)) => {
                return self.is_wrong(format!("a change was answered {status}: {body}"));
            }
        }
        for token in [self.customer(), &self.boss] {
            if let Some((customer, _)) = self.read(&path, token).await
                && customer["nome"] != name
            {
                self.is_wrong(format!(
                    "stale: {name} was acknowledged, {customer} was read"
                ));
            }
        }
    }

    /// Reads what there is; `None` when it could not be read.
    async fn read(&self, path: &str, token: &str) -> Option<(Value, HeaderMap)> {
        self.read_with(self.request(Method::GET, path, token)).await
    }

    async fn read_with(&self, request: RequestBuilder) -> Option<(Value, HeaderMap)> {
        match self.send(request).await {
            Some((StatusCode::OK, headers, body)) => Some((body, headers)),
            Some((StatusCode::SERVICE_UNAVAILABLE, _, _)) | None => None,
            Some((status, _, body)) => {
                self.is_wrong(format!("what there is was answered {status}: {body}"));
                None
            }
        }
    }

    fn customer(&self) -> &str {
        &self.customer.token
    }

    fn request(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        request.bearer_auth(token)
    }

    /// Sends a request; `None` when there was no answer.
    async fn send(&self, request: RequestBuilder) -> Option<(StatusCode, HeaderMap, Value)> {
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
                let outcome = Outcome::Status(status.as_u16());
                (outcome, Some((status, headers, body)))
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
