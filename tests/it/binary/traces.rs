//! What a collector of traces is told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use integration_tests::{Answer, Caches, PASSWORD, TestDatabase, eventually};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span,
};
use prost::Message as _;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::{CREATE_BOSS, balcao, run, serve_by, stdout, terminate};

/// A collector that keeps what it is told, as it came: protobuf, in which texts stand as they are.
struct Collector {
    url: String,
    told: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let kept = Arc::clone(&told);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(listen(stream, Arc::clone(&kept)));
            }
        });
        Self { url, told }
    }

    fn has_heard(&self, what: &[u8]) -> bool {
        let told = self.told.lock().unwrap();
        let holds = |told: &Vec<u8>| told.windows(what.len()).any(|part| part == what);
        told.iter().any(holds)
    }

    /// The spans that it was told, by their names.
    fn spans(&self) -> HashMap<String, Span> {
        let told = self.told.lock().unwrap();
        let told = told
            .iter()
            .map(|told| ExportTraceServiceRequest::decode(told.as_slice()).unwrap());
        told.flat_map(|told| told.resource_spans)
            .flat_map(|told| told.scope_spans)
            .flat_map(|told| told.spans)
            .map(|span| (span.name.clone(), span))
            .collect()
    }

    /// The spans of an order and of the reading of it, once it has been told of them.
    async fn hears_of_the_order(&self) -> HashMap<String, Span> {
        for name in [
            "POST /orders",
            "GET /orders/{id}",
            "batch",
            "db.placements.open",
            "db.placements.write",
            "redis.script",
            "redis.get",
        ] {
            eventually(name, async || self.spans().contains_key(name)).await;
        }
        self.spans()
    }
}

/// An id as it is told.
fn id(hex: &str) -> Vec<u8> {
    let byte = |n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap();
    (0..hex.len() / 2).map(byte).collect()
}

async fn listen(stream: TcpStream, kept: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        loop {
            line.clear();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            let lower = line.to_lowercase();
            if let Some(text) = lower.strip_prefix("content-length:") {
                length = text.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        kept.lock().unwrap().push(body);
        let done = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(done).await.unwrap();
    }
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
const UNTOLD: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The requests go on from their caller, the batch follows from its request, and statements are in what they
/// are for.
fn are_joined(spans: &HashMap<String, Span>) {
    let (order, batch) = (&spans["POST /orders"], &spans["batch"]);
    for request in [order, &spans["GET /orders/{id}"]] {
        assert_eq!(request.trace_id, id(TRACE));
        assert_eq!(request.parent_span_id, id(CALLER));
    }
    assert_ne!(
        batch.trace_id,
        id(TRACE),
        "it belongs to none of its requests"
    );
    let linked: Vec<_> = batch
        .links
        .iter()
        .map(|link| (&link.trace_id, &link.span_id))
        .collect();
    assert_eq!(linked, [(&order.trace_id, &order.span_id)]);
    for (name, above) in [
        ("db.placements.open", batch),
        ("db.placements.write", batch),
        ("redis.get", &spans["GET /orders/{id}"]),
    ] {
        let span = &spans[name];
        assert_eq!(span.trace_id, above.trace_id, "{name}");
        assert_eq!(span.parent_span_id, above.span_id, "{name}");
    }
}

#[tokio::test]
async fn a_trace_goes_on_from_its_caller_through_the_batch_to_the_statements() {
    let database = TestDatabase::empty().await;
    let collector = Collector::start().await;
    let Caches::Redis(redis) = Caches::redis() else {
        unreachable!("`redis` gives Redis")
    };
    let mut command = balcao(&database, &["serve", "--redis-url", &redis.url]);
    command.envs([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
        ("REDIS_NAMESPACE", &redis.namespace),
    ]);
    let mut server = serve_by(command).await;
    let _ = stdout(&run(balcao(&database, &CREATE_BOSS), PASSWORD).await);
    let boss = server.client.logged_in("boss@example.com").await;
    let product = boss.product("1.00", 5).await;
    let sign_up = json!({"nome": "Ana", "email": "ana@example.com", "password": PASSWORD});
    let _ = server.client.post("/customers", &sign_up).await.expect(201);
    let ana = server.client.logged_in("ana@example.com").await;

    let order = json!({"itens": [{"product_id": product, "quantidade": 1}]});
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    let request = ana.request("POST", "/orders").json(&order);
    let placed = Answer::to(request.header("traceparent", &traceparent)).await;
    let placed = placed.expect(201);
    let told = placed.header("traceresponse").unwrap();
    let parts: Vec<_> = told.split('-').collect();
    assert!(
        matches!(parts[..], ["00", TRACE, span, "01"] if span != CALLER),
        "{told}"
    );
    let order = format!("/orders/{}", placed.id());
    let read = ana.request("GET", &order);
    let _ = Answer::to(read.header("traceparent", &traceparent)).await;
    // What the sampler does not take, and what the caller does not, is not told.
    let untold = ana.request("GET", "/products/best-sellers");
    let untold = untold.header("traceparent", format!("00-{UNTOLD}-{CALLER}-00"));
    for read in [ana.request("GET", &order), untold] {
        let read = Answer::to(read).await.expect(200);
        assert_eq!(read.header("traceresponse"), None);
    }

    are_joined(&collector.hears_of_the_order().await);
    for untold in [&b"best-sellers"[..], b"best_sellers", b"sessions"] {
        assert!(
            !collector.has_heard(untold),
            "{}",
            String::from_utf8_lossy(untold)
        );
    }
    for personal in ["ana@example.com", PASSWORD, ana.token().unwrap()] {
        assert!(!collector.has_heard(personal.as_bytes()), "{personal}");
    }
    terminate(&mut server.process).await;
}

#[tokio::test]
async fn without_a_collector_there_are_no_traces_and_a_wrong_sampler_is_told() {
    let database = TestDatabase::empty().await;
    let mut server = super::serve(&database, &[]).await;
    let live = server.client.get("/livez").await.expect(200);
    assert_eq!(live.header("traceresponse"), None);
    terminate(&mut server.process).await;
    let nowhere = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    for (wrong, what) in [
        (
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            "OTEL_TRACES_SAMPLER is \"sometimes\"",
        ),
        (
            ("OTEL_TRACES_SAMPLER_ARG", "7"),
            "OTEL_TRACES_SAMPLER_ARG is \"7\"",
        ),
        (
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1"),
            "without TLS",
        ),
    ] {
        let mut command = balcao(&database, &["serve"]);
        command.envs([nowhere, wrong]);
        let output = run(command, "").await;
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(what), "{told}");
    }
}

#[tokio::test]
async fn a_collector_that_takes_nothing_is_said_once() {
    let database = TestDatabase::empty().await;
    let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let mut command = balcao(&database, &["serve"]);
    command.envs([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_TRACES_SAMPLER", "always_on"),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
    ]);
    let mut server = super::serve_by(command).await;
    for _ in 0..3 {
        let _ = server.client.get("/livez").await.expect(200);
        // It hangs up on whoever comes.
        let told = tokio::time::timeout(integration_tests::PATIENCE, collector.accept());
        drop(told.await.expect("it is told").unwrap());
    }
    drop(collector);
    terminate(&mut server.process).await;
    let log = server.log.await.unwrap();
    let lost = log.iter().filter(|event| {
        let message = event["message"].as_str().unwrap_or_default();
        message.contains("traces are lost")
    });
    let lost: Vec<_> = lost.collect();
    assert_eq!(lost.len(), 1, "{log:?}");
    assert!(!lost[0]["error"].as_str().unwrap().is_empty());
}
