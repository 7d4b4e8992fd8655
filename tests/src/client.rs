//! A consumer of the API.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

use crate::{PASSWORD, document};

/// Speaks to one server, as one caller.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// What the server said.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body: one JSON value, text that is something else, or `null` when there is none.
    pub body: Value,
}

impl Client {
    /// Speaks to `addr` without a token.
    #[must_use]
    pub fn new(addr: SocketAddr) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: format!("http://{addr}"),
            token: None,
        }
    }

    /// The same caller, coming from another address of this machine.
    ///
    /// # Panics
    ///
    /// When there is no such client.
    #[must_use]
    pub fn coming_from(&self, address: [u8; 4]) -> Self {
        let http = reqwest::Client::builder().local_address(IpAddr::from(address));
        Self {
            http: http.build().unwrap(),
            ..self.clone()
        }
    }

    /// The same caller, speaking to another server.
    #[must_use]
    pub fn at(&self, other: &Self) -> Self {
        Self {
            base: other.base.clone(),
            ..self.clone()
        }
    }

    /// The same server, with this token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// The same server, with the token of this account.
    pub async fn logged_in(&self, email: &str) -> Self {
        self.log_in(email).await.0
    }

    /// Begins a session of this account: a client with its access token, and its refresh token.
    pub async fn log_in(&self, email: &str) -> (Self, String) {
        let body = json!({"email": email, "password": PASSWORD});
        let answer = self.post("/auth/login", &body).await;
        self.with_tokens(&answer.expect(200))
    }

    /// Exchanges a refresh token.
    pub async fn refresh(&self, token: &str) -> Answer {
        let body = json!({"refresh_token": token});
        self.post("/auth/refresh", &body).await
    }

    /// The same server, with the access token of an answer; and its refresh token.
    #[must_use]
    pub fn with_tokens(&self, answer: &Answer) -> (Self, String) {
        let token = |name: &str| answer.body[name].as_str().unwrap();
        let client = self.with_token(token("access_token"));
        (client, token("refresh_token").to_owned())
    }

    /// Fails when the caller's session goes on here for longer than two seconds.
    ///
    /// # Panics
    ///
    /// When it does, or when something else happens.
    pub async fn hears_that_it_ended(&self) {
        let has_ended = || async {
            let answer = self.get("/me").await;
            let goes_on = answer.status == 200;
            assert!(
                goes_on || answer.body["code"] == "session_ended",
                "{}",
                answer.body
            );
            !goes_on
        };
        let ended = crate::eventually("the session has ended", has_ended);
        let in_time = tokio::time::timeout(Duration::from_secs(2), ended).await;
        assert!(in_time.is_ok(), "the session goes on");
    }

    /// The address of the caller's account.
    pub async fn email(&self) -> String {
        let me = self.get("/me").await.expect(200);
        me.body["email"].as_str().unwrap().to_owned()
    }

    /// Where the server is, `ADDRESS:PORT`.
    #[must_use]
    pub fn addr(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// The token, if there is one.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Starts a request that a test completes by itself.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request("GET", path)).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request("POST", path).json(body)).await
    }

    /// `PUT` with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request("PUT", path).json(body)).await
    }

    /// `PATCH` with a JSON body, of what has this tag.
    pub async fn patch(&self, path: &str, tag: &str, body: &Value) -> Answer {
        let request = self.request("PATCH", path).header("if-match", tag);
        Answer::to(request.json(body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        Answer::to(self.request("DELETE", path)).await
    }

    /// Every item of a list, page by page; each page is where the one before says.
    ///
    /// # Panics
    ///
    /// When a page is none.
    pub async fn walk(&self, list: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut next = Some(list.to_owned());
        while let Some(path) = next {
            let page = self.get(&path).await.expect(200);
            items.extend_from_slice(page.items());
            next = page.next();
        }
        items
    }

    /// Adds a product as the shop does, and returns its id.
    pub async fn product(&self, price: &str, stock: i64) -> String {
        let body = json!({"nome": "Café", "preco": price, "quantidade_disponivel": stock});
        let answer = self.post("/products", &body).await.expect(201);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// The units of a product that can be ordered.
    pub async fn available(&self, product: &str) -> i64 {
        let answer = self.get(&format!("/products/{product}")).await.expect(200);
        answer.body["quantidade_disponivel"].as_i64().unwrap()
    }

    /// Places an order of one line for the caller, and returns it.
    pub async fn order(&self, product: &str, units: i64) -> Answer {
        let body = json!({"itens": [{"product_id": product, "quantidade": units}]});
        self.post("/orders", &body).await
    }
}

impl Answer {
    /// Sends a request and reads the answer to its end. It must be such as the document of the API
    /// says.
    ///
    /// # Panics
    ///
    /// When the server cannot be reached, or answers with something else.
    pub async fn to(request: RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = client.execute(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        let answer = Self {
            status,
            headers,
            body: read(&bytes),
        };
        document::check(method.as_str(), &path, &answer);
        answer
    }

    /// The answer, if it has this status.
    ///
    /// # Panics
    ///
    /// When it has another.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// The answer, if it is a well-formed problem document with this status and code.
    ///
    /// # Panics
    ///
    /// When it is not.
    #[must_use]
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(answer.body["code"], code, "{}", answer.body);
        assert_eq!(answer.body["status"], status);
        assert_eq!(answer.body["type"], format!("/docs#{code}"));
        for text in ["title", "detail"] {
            assert!(!answer.body[text].as_str().unwrap().is_empty());
        }
        let request_id = answer.body["request_id"].as_str();
        assert!(request_id.is_some() && answer.header("x-request-id") == request_id);
        answer
    }

    /// A header, if it is there.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The tag of what is shown.
    ///
    /// # Panics
    ///
    /// When it has none.
    #[must_use]
    #[track_caller]
    pub fn tag(&self) -> String {
        self.header("etag").unwrap().to_owned()
    }

    /// The id of what is shown.
    ///
    /// # Panics
    ///
    /// When it has none.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }

    /// The items of a list.
    ///
    /// # Panics
    ///
    /// When it is no list.
    #[must_use]
    #[track_caller]
    pub fn items(&self) -> &[Value] {
        self.body["items"].as_array().unwrap()
    }

    /// Where the next page of a list is; body and header agree on whether there is one.
    ///
    /// # Panics
    ///
    /// When they do not, or it is no page.
    #[must_use]
    #[track_caller]
    pub fn next(&self) -> Option<String> {
        let next = self.header("link").map(|link| {
            let target = link.strip_prefix('<').unwrap();
            target.strip_suffix(">; rel=\"next\"").unwrap().to_owned()
        });
        match &self.body["next_cursor"] {
            Value::Null => assert_eq!(next, None),
            cursor => {
                let cursor = format!("cursor={}", cursor.as_str().unwrap());
                assert!(next.as_ref().is_some_and(|next| next.ends_with(&cursor)));
            }
        }
        next
    }
}

/// The ids of the items of a list.
///
/// # Panics
///
/// When one has none.
#[must_use]
pub fn ids(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

/// A body: one JSON value or text.
fn read(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    let text = || Value::from(String::from_utf8_lossy(bytes));
    serde_json::from_slice(bytes).unwrap_or_else(|_| text())
}
