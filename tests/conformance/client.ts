// A shop's first day through the types that `openapi-typescript` makes of the document, and
// `openapi-fetch`: no answer is read but through its type, the problem of a refused order too.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";

import type { components, paths } from "./schema.js";

const baseUrl = setting("API");
const password = "um cafe por favor";
const email = `typescript-${randomUUID()}@example.com`;
const anybody = createClient<paths>({ baseUrl });

function setting(name: string): string {
    const value = process.env[name];
    assert(value !== undefined, `${name} is not set`);
    return value;
}

async function loggedIn(credentials: components["schemas"]["Credentials"]) {
    const { data } = await anybody.POST("/auth/login", { body: credentials });
    assert(data);
    return createClient<paths>({
        baseUrl,
        headers: { Authorization: `${data.token_type} ${data.access_token}` },
    });
}

// Sign up and log in.
const signUp = await anybody.POST("/customers", { body: { nome: "Rosa Duarte", email, password } });
const me = signUp.data;
assert(me);
assert.equal(me.email, email);
const rosa = await loggedIn({ email, password });
const seen = await rosa.GET("/customers/{id}", { params: { path: { id: me.id } } });
assert.deepEqual(seen.data, me);

// An address belongs to one customer.
const again = await anybody.POST("/customers", { body: { nome: "Rosa", email, password } });
assert.equal(again.error?.code, "email_taken");

// The shop has three bags of a coffee.
const shop = await loggedIn({ email: setting("ADMIN_EMAIL"), password: setting("ADMIN_PASSWORD") });
const made = await shop.POST("/products", {
    body: { nome: "Bourbon 250 g", preco: "38.90", quantidade_disponivel: 3 },
});
const coffee = made.data;
assert(coffee);
assert.equal(coffee.preco, "38.90");

async function left(product: components["schemas"]["Product"]): Promise<number> {
    const { data } = await shop.GET("/products/{id}/stock", { params: { path: { id: product.id } } });
    assert(data);
    return data.quantidade_disponivel;
}

const asksFor = (
    product: components["schemas"]["Product"],
    quantidade: number,
): components["schemas"]["NewOrder"] => ({ itens: [{ product_id: product.id, quantidade }] });

// What it would cost.
const quoted = await rosa.POST("/orders", {
    params: { query: { validate_only: true } },
    body: asksFor(coffee, 2),
});
assert(quoted.data && !("id" in quoted.data));
assert.equal(quoted.data.total, "77.80");
assert.equal(await left(coffee), 3);

// Place an order under a key, and repeat it.
const keyed = {
    params: { header: { "Idempotency-Key": randomUUID() } },
    body: asksFor(coffee, 2),
};
const placed = await rosa.POST("/orders", keyed);
assert.equal(placed.response.status, 201);
const order = placed.data;
assert(order && "id" in order);
assert.equal(placed.response.headers.get("Location"), `/orders/${order.id}`);
assert.equal(placed.response.headers.get("Idempotency-Replayed"), null);
assert.equal(order.customer_id, me.id);
assert.equal(order.status, "pending");
assert.equal(order.total, "77.80");

const repeated = await rosa.POST("/orders", keyed);
assert.equal(repeated.response.headers.get("Idempotency-Replayed"), "true");
assert.deepEqual(repeated.data, order);
assert.equal(await left(coffee), 1);

// Too much is refused, and the problem says what there is.
const refused = await rosa.POST("/orders", { body: asksFor(coffee, 2) });
const problem = refused.error;
assert(problem?.code === "insufficient_stock");
assert.deepEqual(
    problem.errors.map(({ product_id, requested, available }) => [product_id, requested, available]),
    [[coffee.id, 2, 1]],
);

// So is what makes no sense.
const senseless = await rosa.POST("/orders", { body: asksFor(coffee, 0) });
assert(senseless.error?.code === "validation_failed");
assert.deepEqual(
    senseless.error.errors.map(({ pointer, code }) => [pointer, code]),
    [["/itens/0/quantidade", "out_of_range"]],
);

// Cancel: the bags are back, once, and nothing can be done with the order any more.
const path = { id: order.id };
const cancelled = await rosa.PUT("/orders/{id}", { params: { path }, body: { status: "cancelled" } });
assert.equal(cancelled.data?.status, "cancelled");
assert.equal(await left(coffee), 3);
const shown = await rosa.GET("/orders/{id}", { params: { path } });
assert.deepEqual(shown.data, cancelled.data);
const stuck = await shop.PUT("/orders/{id}", { params: { path }, body: { status: "paid" } });
assert(stuck.error?.code === "illegal_transition");
const { from, to, allowed } = stuck.error;
assert.deepEqual({ from, to, allowed }, { from: "cancelled", to: "paid", allowed: [] });

// Anybody may look.
assert((await anybody.GET("/products/{id}", { params: { path: { id: coffee.id } } })).data);
const best = await anybody.GET("/products/best-sellers", { params: { query: { limit: 3, days: 7 } } });
assert(best.data);

console.log("client.ts: signed up, ordered, repeated, was refused, cancelled");
