-- A replica that cannot write to the cache which it shares with others closes it to all of them, until every
-- entry of that moment has expired. There is a row for each closure, for as long as it lasts.
create table cache_closures (
    id uuid primary key,
    closed_until timestamptz not null
);
