-- The server that the replicas agree to share as their cache: one row. Whatever was written to an earlier one, or to
-- this one before the replicas last agreed on it, is not read any more.
create table cache_server (
    id boolean primary key default true,
    generation bigint not null,
    server text not null,
    agreed_at timestamptz not null,
    constraint cache_server_one_row check (id)
);
