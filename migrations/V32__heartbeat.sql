-- How far a standby is behind is told by this row: replicas write the time of the primary into it, and read it on
-- the standby. It is one row.
create table heartbeat (
    id boolean primary key default true,
    at timestamptz not null,
    constraint heartbeat_one_row check (id)
);
