"""What `schemathesis` does beside its own checks. `run` names this module in its configuration."""

import itertools
import json
import os

import schemathesis

# What a 422 may say of a body that fits the schema: facts that no schema can tell.
FACTS = {
    ("/itens", "unknown_product"),
    ("/customer_id", "unknown_customer"),
    ("/customer_id", "required"),  # of the shop, which orders for a customer
    ("/password", "required"),  # of whoever signs up
    ("/password", "too_long"),  # counted in bytes
    ("/new_password", "too_long"),
    ("cursor", "unknown_cursor"),
}

# What each role must have been served at least once, or the run proves little.
PUBLIC = {"logIn", "listBestSellers", "listProducts", "getProduct", "getLiveness", "getReadiness",
    "listPublicKeys"}
OWN = {
    "getCustomer", "exportCustomer", "editCustomer", "placeOrder", "listOrders", "exportOrders",
    "getOrder", "getOrderHistory", "transitionOrder", "getMe", "listMySessions", "createApiKey",
    "listApiKeys",
}
SHOP = {
    "registerCustomer", "listCustomers", "exportCustomers", "createProduct", "exportProducts",
    "importProducts", "editProduct", "retireProduct", "getStock", "setStock", "listStock",
    "moveStock", "listStockMovements", "createUser", "listUsers", "listAudit",
}
SERVED = {
    "anonymous": PUBLIC | {"registerCustomer"},
    "customer": PUBLIC | OWN,
    "admin": PUBLIC | OWN | SHOP,
}

_numbers = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Lets every request come from another address: one that fails to log in is slowed down."""
    number = next(_numbers)
    case.headers["X-Forwarded-For"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


@schemathesis.serializer("application/x-ndjson", "text/csv")
def rows(ctx, value):
    """Rows are text."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.check
def only_facts_refuse_valid_data(ctx, response, case):
    """Data that fits the schema is refused with 400 and 422 only for facts that no schema can tell."""
    is_refused = response.status_code in (400, 422)
    if not is_refused or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if None in (case.path_parameters or {}).values():
        return  # a link to what there is not: the customer of an account of the shop
    problem = json.loads(response.content)
    if problem["code"] == "idempotency_key_reused":
        return
    for error in problem["errors"]:
        if (error.get("pointer") or error.get("parameter"), error["code"]) not in FACTS:
            raise AssertionError(f"the schema could have told this: {json.dumps(error)}")


@schemathesis.check
class every_role_gets_through:
    """Each role has been served, with success, by every operation that is open to it."""

    def __init__(self):
        self.role = os.environ["ROLE"]
        self.served = set()

    def after_response(self, ctx, response, case):
        if 200 <= response.status_code < 300:
            self.served.add(case.operation.definition.raw["operationId"])

    def after_run(self, ctx):
        if missing := SERVED[self.role] - self.served:
            raise AssertionError(f"never served to {self.role}: {', '.join(sorted(missing))}")
