"""A shop's first day through the client that `openapi-python-client` makes of the document: every
answer is read through its model, the problem of a refused order too."""

import os
import uuid
from datetime import timedelta
from http import HTTPStatus

from balcao_client import AuthenticatedClient, Client
from balcao_client.api.catalog import create_product, edit_product, get_product, list_best_sellers
from balcao_client.api.customers import erase_customer, get_customer, register_customer
from balcao_client.api.api_keys import create_api_key
from balcao_client.api.identity import log_in, log_out, refresh
from balcao_client.api.me import get_me, list_my_sessions
from balcao_client.api.orders import (
    get_order,
    get_order_history,
    list_orders,
    place_order,
    transition_order,
)
from balcao_client.api.stock import get_stock
from balcao_client.api.users import create_user, edit_user
from balcao_client.models import (
    BestSellerList,
    Credentials,
    Customer,
    IllegalTransitionProblem,
    InsufficientStockProblem,
    MadeApiKey,
    Me,
    NewApiKey,
    NewApiKeyScopesItem,
    NewCustomer,
    NewOrder,
    NewOrderLine,
    NewProduct,
    NewStatus,
    NewUser,
    NewUserRole,
    Order,
    OrderHistory,
    OrderPage,
    OrderStatus,
    Product,
    ProductPatch,
    Quote,
    RefreshRequest,
    SessionPage,
    Stock,
    Token,
    User,
    UserPatch,
    ValidationProblem,
)

API = os.environ["API"]
PASSWORD = "um cafe por favor"
email = f"python-{uuid.uuid4()}@example.com"
anybody = Client(base_url=API)


def tokens(email: str, password: str) -> Token:
    token = log_in.sync(client=anybody, body=Credentials(email=email, password=password))
    assert isinstance(token, Token), token
    assert token.token_type == "Bearer"
    return token


def showing(token: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=API, token=token)


def logged_in(email: str, password: str) -> AuthenticatedClient:
    return showing(tokens(email, password).access_token)


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

# A session goes on with another token, until it is ended.
first = tokens(email, PASSWORD)
second = refresh.sync(client=anybody, body=RefreshRequest(refresh_token=first.refresh_token))
assert isinstance(second, Token), second
assert second.refresh_token != first.refresh_token
elsewhere = showing(second.access_token)
who = get_me.sync(client=elsewhere)
assert isinstance(who, Me), who
assert (who.email, who.customer_id) == (email, me.id)
sessions = list_my_sessions.sync(client=elsewhere)
assert isinstance(sessions, SessionPage), sessions
assert [session.is_current for session in sessions.items] == [True, False]
assert log_out.sync_detailed(client=elsewhere).status_code == 204
assert get_me.sync_detailed(client=elsewhere).status_code == 401

# A machine has a key, which may do less.
made = create_api_key.sync(
    client=rosa, body=NewApiKey(name="Cash register", scopes=[NewApiKeyScopesItem.ORDERSREAD])
)
assert isinstance(made, MadeApiKey), made
machine = showing(made.key)
assert isinstance(list_orders.sync(client=machine), OrderPage)
assert place_order.sync_detailed(client=machine, body=asks_for(1)).status_code == 403

# Somebody works in the shop, and no longer.
clerk = create_user.sync(
    client=shop,
    body=NewUser(email=f"clerk-{uuid.uuid4()}@example.com", role=NewUserRole.STAFF, password=PASSWORD),
)
assert isinstance(clerk, User), clerk
assert isinstance(list_orders.sync(client=logged_in(clerk.email, PASSWORD)), OrderPage)
left_the_shop = edit_user.sync(clerk.id, client=shop, body=UserPatch(disabled=True), if_match="*")
assert isinstance(left_the_shop, User), left_the_shop
refused_login = log_in.sync_detailed(
    client=anybody, body=Credentials(email=clerk.email, password=PASSWORD)
)
assert refused_login.status_code == HTTPStatus.FORBIDDEN

# Whoever goes is gone, and what they bought stays.
gone = erase_customer.sync_detailed(me.id, client=rosa)
assert gone.status_code == 204
assert get_customer.sync_detailed(me.id, client=shop).status_code == 404
assert get_order.sync(order.id, client=shop) is not None

print("client.py: signed up, ordered, repeated, was refused, cancelled")
