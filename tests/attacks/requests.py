"""Writes a request for sqlmap for every operation of a live API that takes anything, with a `*` behind
all that a caller could fill in: segments of the path, the query, fields of the body, headers.

    API=http://… TOKEN=… VICTIM_TOKEN=… ADMIN_EMAIL=… ADMIN_PASSWORD=… python3 requests.py DIR
"""

import json
import os
import pathlib
import sys
import urllib.parse
import urllib.request

API, TOKEN, VICTIM = os.environ["API"], os.environ["TOKEN"], os.environ["VICTIM_TOKEN"]
DIR = pathlib.Path(sys.argv[1])


def call(method, path, body=None, token=TOKEN):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


DOCUMENT = call("GET", "/openapi.json")


def resolve(node):
    while "$ref" in node:
        target = DOCUMENT
        for key in node["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        node = target
    return node


def first(path):
    return call("GET", path)["items"][0]["id"]


key, another = (call("POST", "/api-keys", {"name": "attacked", "scopes": ["orders:read"], "expires_in_days": 1}) for _ in "12")
account = call("POST", "/users", {"email": "attacked@example.org", "password": "attacked by sqlmap", "role": "staff"})
# What there is, so that a request is good but for what sqlmap adds. What ends is ended last.
IDS = {
    "customers": first("/customers"),
    "products": first("/products"),
    "orders": first("/orders"),
    "users": account["id"],
    "api-keys": key["id"],
    "me": call("GET", "/me/sessions", token=VICTIM)["items"][-1]["id"],  # not the one that asks
}
customer, product, order = (call("GET", f"/{kind}/{IDS[kind]}") for kind in ("customers", "products", "orders"))
act = call("GET", "/audit")["items"][0]
stock = f"/products/{product['id']}/stock"
call("POST", f"{stock}/movements", {"delta": 1, "reason": "receipt"})
level = call("GET", stock)["quantidade_disponivel"]
# What finds something, each beside the others, so that sqlmap sees a difference if it makes one.
QUERY = {
    "/customers": {"email": customer["email"], "q": customer["nome"].split()[0]},
    "/products": {"q": product["nome"].split()[0], "min_price": "0.01", "max_price": "9999.99"},
    "/users": {"email": account["email"], "role": account["role"]},
    "/audit": {"account_id": act["account_id"], "thing_id": act["thing_id"], "after": "2020-01-01T00:00:00Z", "before": "2099-01-01T00:00:00Z"},
    "/orders": {
        "customer_id": order["customer_id"],
        "status": order["status"],
        "product_id": order["itens"][0]["product_id"],
        "placed_after": "2020-01-01T00:00:00Z",
        "placed_before": "2099-01-01T00:00:00Z",
    },
}
# Who changes or ends what is their own does so with the token of somebody else than the rest.
AS_VICTIM = {"/me/password", "/me/sessions", "/me/sessions/{id}", "/auth/logout", "/auth/logout-all"}
# In place of the document's examples, so that nothing is refused for another reason than what sqlmap adds.
BODIES = {
    "/auth/login": {"email": os.environ["ADMIN_EMAIL"], "password": os.environ["ADMIN_PASSWORD"]},
    "/products/{id}/stock": {"quantidade_disponivel": level, "expected": level},
}


def own(body):
    """The body, with what must be unique made so."""
    number = len(list(DIR.glob("*.http")))
    unique = {"email": f"attacked-{number}@example.org", "sku": f"ATTACKED-{number}"}
    return body | {key: value for key, value in unique.items() if key in body}


def marked(value):
    """JSON, with a mark in every value."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{marked(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(marked, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value)[:-1] + '*"'
    return json.dumps(value) + "*"


def example(schema):
    schema = resolve(schema)
    if schema.get("enum"):
        return schema["enum"][0]
    given = schema.get("examples", [None])[0]
    return json.dumps(given) if isinstance(given, bool) else given


def write(name, method, target, headers, body=""):
    lines = [f"{method} {target} HTTP/1.1", f"Host: {API.removeprefix('http://')}"]
    lines += [f"{k}: {v}" for k, v in headers.items()]
    number = len(list(DIR.glob("*.http")))
    (DIR / f"{number:03d} {name.replace('/', '_')}.http").write_text("\n".join(lines) + "\n\n" + body, newline="")


def attack(method, path, operation):
    name = f"{method} {path}"
    headers = {"Authorization": f"Bearer {VICTIM if path in AS_VICTIM else TOKEN}"}
    answers = resolve(operation["responses"].get("200", {})).get("content", {})
    headers["Accept"] = next(iter(answers), "application/json")
    parameters = [resolve(p) for p in operation.get("parameters", [])]
    place = path.split("/")[1]
    plain = path.replace("{id}", IDS.get(place, "{id}")).replace("{name}", "not_found")
    segment = path.replace("{id}", IDS.get(place, "{id}") + "*").replace("{name}", "not_found*")
    if "{" in plain:
        sys.exit(f"{name}: requests.py does not know what to put into its path")

    queried, cursor = [], None
    for parameter in (p for p in parameters if p["in"] == "query"):
        value = QUERY.get(f"/{place}", {}).get(parameter["name"]) or example(parameter["schema"])
        if parameter["name"] == "validate_only":
            value = "false"
        if parameter["name"] == "cursor":
            cursor = True
        else:
            queried.append((parameter["name"], value))
    needed = [(p["name"], example(p["schema"])) for p in parameters if p["in"] == "query" and p.get("required")]
    encode = lambda pairs: "&".join(f"{k}={urllib.parse.quote(str(v))}" for k, v in pairs)
    marks = "&".join(f"{k}={urllib.parse.quote(str(v))}*" for k, v in queried)

    text, typed = "", {}
    bodies = operation.get("requestBody", {}).get("content", {}) or {None: {}}
    sent = {p["name"]: '"never"' for p in parameters if p["in"] == "header" and p.get("required")}
    for kind, content in bodies.items():
        text, body = content.get("example", ""), ""
        typed = {"Content-Type": kind} if kind else {}
        if kind == "application/x-ndjson":
            body = marked(json.loads(text)) + "\n"
        elif kind == "text/csv":
            head, row = text.strip().split("\n")
            body = head + "\n" + ",".join(cell + "*" for cell in row.split(",")) + "\n"
        elif kind:
            fields = BODIES.get(path) or own(text)
            text, body = json.dumps(fields), marked(fields)
        if body:
            write(f"{name} {kind.split('/')[1]}", method, plain, headers | sent | typed, body)
    if "{" in path or marks:
        write(name, method, segment + (f"?{marks}" if marks else ""), headers | sent | typed, text)
    if cursor:  # alone, because it belongs to the other parameters
        query = encode([*needed, ("limit", 1)])
        following = call("GET", f"{plain}?{query}", token=headers["Authorization"].split()[1])["next_cursor"] or "none"
        write(name + " cursor", method, f"{plain}?{query}&cursor={following}*", headers)
    for parameter in (p for p in parameters if p["in"] == "header"):
        value = {"Idempotency-Key": "attacked", "If-Match": '"1', "If-None-Match": '"1'}[parameter["name"]]
        value += '*"' if value.startswith('"') else "*"
        fresh = json.dumps(own(json.loads(text))) if text.startswith("{") and path not in BODIES else text
        write(f"{name} {parameter['name']}", method, plain, headers | sent | typed | {parameter["name"]: value}, fresh)


operations = [(m.upper(), p, o) for p, methods in DOCUMENT["paths"].items() for m, o in methods.items() if m != "parameters"]
operations.sort(key=lambda o: o[0] == "DELETE")  # what is deleted is not there for what comes after
for operation in operations:
    attack(*operation)
# Headers that no operation names, and that are stored or looked up all the same.
login = json.dumps(BODIES["/auth/login"])
write("User-Agent of a login", "POST", "/auth/login", {"Content-Type": "application/json", "User-Agent": "attacked*"}, login)
write("key in place of a token", "GET", "/orders", {"Authorization": f"Bearer {another['key']}*"})
product = json.dumps({"nome": "attacked", "preco": "1.00"})  # audited, with the id of its request
noted = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "X-Request-Id": "noticed*"}
write("X-Request-Id of a product", "POST", "/products", noted, product)
