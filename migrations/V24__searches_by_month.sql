-- A search that is sorted by age needs a page of the newest matches, not all of them: the index finds
-- those of a month without reading the others.
create function month_of(timestamptz) returns int
    language sql immutable strict parallel safe
    return (extract(year from $1 at time zone 'UTC') * 12
            + extract(month from $1 at time zone 'UTC'))::int;

create index products_words_month_idx on products using gin (words, (array[month_of(created_at)]))
    where retired_at is null;

-- How many products each month has: the planner does not take that from a partial index.
create statistics products_month_stats on (array[month_of(created_at)]) from products;

do $$
begin
    -- Of an empty table the planner assumes more when it has no statistics of it.
    if exists (select from products) then
        analyze products;
    end if;
end;
$$;
