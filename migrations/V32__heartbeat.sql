-- How far a standby is behind is told by this row: replicas write the time of the primary into it, and read it on
-- the standby. It is one row, which also says whose it is: of which shop, and of which history of its log.
create table heartbeat (
    id boolean primary key default true,
    shop uuid not null default gen_random_uuid(),
    timeline text not null,
    at timestamptz not null,
    constraint heartbeat_one_row check (id)
);
