"""What happens to the replica at API while the Prometheus at PROMETHEUS watches.

`drive.py good` signs up, logs in, orders, reads and is refused until Prometheus has seen it, and
prints a token; `drive.py bad TOKEN` goes on without PostgreSQL and Redis until it has seen that.
"""

import json, os, sys, time, urllib.error, urllib.parse, urllib.request

API, PROMETHEUS = os.environ["API"], os.environ["PROMETHEUS"]
COFFEE = "019b76da-a814-7000-8000-000000000014"  # of `balcao seed`
PATIENCE = 60  # seconds

# What each day must have shown before it ends. A rate needs two samples.
GOOD = [
    'rate(balcao_orders_placed_total[1m]) > 0',
    'rate(balcao_cache_reads_total{cache="orders",result="hit"}[1m]) > 0',
    'rate(balcao_password_duration_seconds_count{work="check"}[1m]) > 0',
    'rate(balcao_http_requests_total{route="/orders",status="409"}[1m]) > 0',
]
BAD = [
    'increase(balcao_http_requests_total{method="POST",route="/orders",status="503"}[1m]) > 5',
    'rate(balcao_batch_failures_total[1m]) > 0',
    *(
        f'count_over_time(balcao_task_failures_total{{task="{task}"}}[1m]) > 1'
        for task in ("revocations", "sales totals", "idempotency keys", "expired sessions")
    ),
    'ALERTS{alertname="BalcaoOrdersFailing",alertstate="firing"}',
]


def call(method, path, body=None, token=None, expected=(200, 201)):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = None
    if body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    request = urllib.request.Request(API + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    if status not in expected:
        sys.exit(f"{method} {path} was answered {status}: {text.decode()}")
    return json.loads(text) if text.startswith(b"{") else None


def seen(query):
    asked = PROMETHEUS + "/api/v1/query?" + urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return bool(json.load(answer)["data"]["result"])


def until(conditions, what):
    end = time.monotonic() + PATIENCE
    missing = conditions
    while missing:
        if time.monotonic() > end:
            sys.exit(f"Prometheus has not seen: {missing}")
        what()
        missing = [query for query in missing if not seen(query)]
        time.sleep(0.1)


def order(token, quantity, expected, query=""):
    body = {"itens": [{"product_id": COFFEE, "quantidade": quantity}]}
    return call("POST", "/orders" + query, body, token, expected)


def good():
    ana = {"email": "ana@example.org", "password": "observability"}
    customer = call("POST", "/customers", {"nome": "Ana", **ana})["id"]

    def a_round():
        token = call("POST", "/auth/login", ana)["access_token"]
        placed = order(token, 1, [201])["id"]
        order(token, 1, [200], "?validate_only=true")
        order(token, 9000, [409])
        order(token, 0, [422])
        order(None, 1, [401])
        for path in (f"/orders/{placed}", f"/orders/{placed}", f"/customers/{customer}", "/orders", "/products",
                     "/products?q=cafe", f"/products/{COFFEE}", "/products/best-sellers", "/livez", "/readyz"):
            call("GET", path, None, token)
        call("GET", "/nowhere", expected=[404])
        call("POST", "/auth/login", {**ana, "email": "nobody@example.org"}, expected=[401, 429])
        return token

    until(GOOD, a_round)
    print(a_round())


def bad(token):
    def a_round():
        order(token, 1, [503])
        call("GET", "/products", expected=[503])
        call("GET", "/readyz", expected=[503])

    until(BAD, a_round)


good() if sys.argv[1] == "good" else bad(sys.argv[2])
