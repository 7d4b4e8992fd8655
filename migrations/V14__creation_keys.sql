-- The keys under which customers and products were created, as those of orders in
-- idempotency_keys. The answer to a repeat is made of the request, which is the same, and of what
-- stands here. Whoever signs up has no account yet: zeros stand for it.
create table creation_keys (
    account_id uuid not null,
    kind text not null,
    key text not null,
    fingerprint bytea not null,
    entity_id uuid not null,
    created_at timestamptz not null,
    constraint creation_keys_pkey primary key (account_id, kind, key),
    constraint creation_keys_kind_known check (kind in ('customer', 'product')),
    constraint creation_keys_key_length check (octet_length(key) between 1 and 255),
    constraint creation_keys_fingerprint_length check (octet_length(fingerprint) = 32)
);

create index creation_keys_entity_id_idx on creation_keys (entity_id);

-- The clean-up begins with the oldest.
create index creation_keys_created_at_idx on creation_keys (created_at);
