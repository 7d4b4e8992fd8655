-- The keys under which orders were placed: written together with the order, so that a repeat of
-- the request is answered as the first was. Removed a day later.
create table idempotency_keys (
    account_id uuid not null,
    key text not null,
    fingerprint bytea not null,
    order_id uuid not null,
    created_at timestamptz not null,
    constraint idempotency_keys_pkey primary key (account_id, key),
    constraint idempotency_keys_account_id_fkey foreign key (account_id) references users (id),
    constraint idempotency_keys_order_id_fkey foreign key (order_id) references orders (id),
    constraint idempotency_keys_key_length check (octet_length(key) between 1 and 255),
    constraint idempotency_keys_fingerprint_length check (octet_length(fingerprint) = 32)
);

create index idempotency_keys_order_id_idx on idempotency_keys (order_id);

-- The clean-up begins with the oldest.
create index idempotency_keys_created_at_idx on idempotency_keys (created_at);
