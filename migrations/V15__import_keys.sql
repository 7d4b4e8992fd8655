-- How far the imports under keys have come: written with every batch, so that a repeat goes on
-- where the first broke off.
create table import_keys (
    account_id uuid not null,
    key text not null,
    -- The rows that are behind it, and their digest.
    rows bigint not null,
    fingerprint bytea not null,
    created bigint not null,
    updated bigint not null,
    unchanged bigint not null,
    created_at timestamptz not null,
    constraint import_keys_pkey primary key (account_id, key),
    constraint import_keys_key_length check (octet_length(key) between 1 and 255),
    constraint import_keys_fingerprint_length check (octet_length(fingerprint) = 32)
);

-- The clean-up begins with the oldest.
create index import_keys_created_at_idx on import_keys (created_at);
