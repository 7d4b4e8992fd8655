-- What the shop's people and API keys have done. Nothing refers to it, and it refers to nothing that
-- must stay. It tells of nobody more than ids, and where somebody called from.
create table audit (
    id uuid not null default gen_random_uuid(),
    at timestamptz not null,
    account_id uuid not null,
    role text not null,
    api_key_id uuid,
    action text not null,
    thing_id uuid not null,
    address text,
    request_id text,
    constraint audit_role_known check (role in ('admin', 'staff', 'customer'))
);

-- Entries in the sequence of their moments; those of one moment are few.
create index audit_at_idx on audit (at);
create index audit_account_id_idx on audit (account_id, at);
create index audit_thing_id_idx on audit (thing_id, at);
