"""A shop's first day through the client that `openapi-python-client` makes of the document: every
answer is read through its model, the problem of a refused order too."""

import os
import uuid
from datetime import timedelta
from http import HTTPStatus

from balcao_client import AuthenticatedClient, Client
from balcao_client.api.catalog import create_product, edit_product, get_product, list_best_sellers
from balcao_client.api.customers import erase_customer, get_customer, register_customer
from balcao_client.api.identity import log_in
from balcao_client.api.orders import (
    get_order,
    get_order_history,
    list_orders,
    place_order,
    transition_order,
)
from balcao_client.api.stock import get_stock
from balcao_client.models import (
    BestSellerList,
    Credentials,
    Customer,
    IllegalTransitionProblem,
    InsufficientStockProblem,
    NewCustomer,
    NewOrder,
    NewOrderLine,
    NewProduct,
    NewStatus,
    Order,
    OrderHistory,
    OrderPage,
    OrderStatus,
    Product,
    ProductPatch,
    Quote,
    Stock,
    Token,
    ValidationProblem,
)

API = os.environ["API"]
PASSWORD = "um cafe por favor"
email = f"python-{uuid.uuid4()}@example.com"
anybody = Client(base_url=API)


def logged_in(email: str, password: str) -> AuthenticatedClient:
    token = log_in.sync(client=anybody, body=Credentials(email=email, password=password))
    assert isinstance(token, Token), token
    assert token.token_type == "Bearer"
    return AuthenticatedClient(base_url=API, token=token.access_token)


# Sign up and log in.
me = register_customer.sync(
    client=anybody,  # type: ignore[arg-type]  # The generator does not know that a token may be optional.
    body=NewCustomer(nome="Rosa Duarte", email=email, password=PASSWORD),
)
assert isinstance(me, Customer), me
assert (me.nome, me.email) == ("Rosa Duarte", email)
assert me.created_at.utcoffset() == timedelta(0)
rosa = logged_in(email, PASSWORD)
assert get_customer.sync(me.id, client=rosa) == me

# The shop has three bags of a coffee.
shop = logged_in(os.environ["ADMIN_EMAIL"], os.environ["ADMIN_PASSWORD"])
coffee = create_product.sync(
    client=shop, body=NewProduct(nome="Bourbon 250 g", preco="38.90", quantidade_disponivel=3)
)
assert isinstance(coffee, Product), coffee
assert (coffee.preco, coffee.descricao) == ("38.90", None)
coffee_id = coffee.id


def left() -> int:
    stock = get_stock.sync(coffee_id, client=shop)
    assert isinstance(stock, Stock), stock
    return stock.quantidade_disponivel


def asks_for(quantity: int) -> NewOrder:
    return NewOrder(itens=[NewOrderLine(product_id=coffee_id, quantidade=quantity)])


# What it would cost.
quote = place_order.sync(client=rosa, body=asks_for(2), validate_only=True)
assert isinstance(quote, Quote), quote
assert (quote.total, left()) == ("77.80", 3)

# Place an order under a key, and repeat it.
key = str(uuid.uuid4())
placed = place_order.sync_detailed(client=rosa, body=asks_for(2), idempotency_key=key)
assert placed.status_code == HTTPStatus.CREATED
order = placed.parsed
assert isinstance(order, Order), order
assert placed.headers["Location"] == f"/orders/{order.id}"
assert "Idempotency-Replayed" not in placed.headers
assert (order.customer_id, order.status, order.total) == (me.id, OrderStatus.PENDING, "77.80")
assert [(item.product_id, item.quantidade) for item in order.itens] == [(coffee_id, 2)]

repeated = place_order.sync_detailed(client=rosa, body=asks_for(2), idempotency_key=key)
assert repeated.headers["Idempotency-Replayed"] == "true"
assert repeated.parsed == order
assert left() == 1

# Too much is refused, and the problem says what there is.
refused = place_order.sync_detailed(client=rosa, body=asks_for(2))
assert refused.status_code == HTTPStatus.CONFLICT
problem = refused.parsed
assert isinstance(problem, InsufficientStockProblem), problem
assert problem.code == "insufficient_stock"
[short] = problem.errors
assert (short.product_id, short.requested, short.available) == (coffee_id, 2, 1)

# So is what makes no sense.
senseless = place_order.sync(client=rosa, body=asks_for(0))
assert isinstance(senseless, ValidationProblem), senseless
assert [(error.pointer, error.code) for error in senseless.errors] == [
    ("/itens/0/quantidade", "out_of_range")
]

# Cancel: the bags are back, once, and nothing can be done with the order any more.
cancelled = transition_order.sync(
    order.id, client=rosa, body=NewStatus(status=OrderStatus.CANCELLED)
)
assert isinstance(cancelled, Order), cancelled
assert (cancelled.status, left()) == (OrderStatus.CANCELLED, 3)
assert get_order.sync(order.id, client=rosa) == cancelled
stuck = transition_order.sync(order.id, client=shop, body=NewStatus(status=OrderStatus.PAID))
assert isinstance(stuck, IllegalTransitionProblem), stuck
assert (stuck.from_, stuck.to) == (OrderStatus.CANCELLED, OrderStatus.PAID)
assert stuck.allowed == []

# Page by page, and every status that the order had.
page = list_orders.sync(client=rosa, limit=1)
assert isinstance(page, OrderPage), page
assert [listed.id for listed in page.items] == [order.id]
assert page.next_cursor is None
history = get_order_history.sync(order.id, client=rosa)
assert isinstance(history, OrderHistory), history
assert [entry.status for entry in history.items] == [OrderStatus.PENDING, OrderStatus.CANCELLED]

# Nobody's change is overwritten.
dearer = ProductPatch(preco="41.90")
changed = edit_product.sync(coffee.id, client=shop, body=dearer, if_match='"1"')
assert isinstance(changed, Product), changed
assert (changed.preco, changed.version) == ("41.90", 2)
late = edit_product.sync_detailed(coffee.id, client=shop, body=dearer, if_match='"1"')
assert late.status_code == 412

# Anybody may look.
assert isinstance(get_product.sync(coffee.id, client=anybody), Product)
assert isinstance(list_best_sellers.sync(client=anybody, limit=3, days=7), BestSellerList)

# Whoever goes is gone, and what they bought stays.
gone = erase_customer.sync_detailed(me.id, client=rosa)
assert gone.status_code == 204
assert get_customer.sync_detailed(me.id, client=shop).status_code == 404
assert get_order.sync(order.id, client=shop) is not None

print("client.py: signed up, ordered, repeated, was refused, cancelled")
