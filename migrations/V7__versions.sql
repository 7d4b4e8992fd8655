-- How often a row was written: with it two copies of one entity tell which is newer. A constant
-- default rewrites no table.
alter table customers
    add column version bigint not null default 1,
    add constraint customers_version_positive check (version >= 1);

alter table orders
    add column version bigint not null default 1,
    add constraint orders_version_positive check (version >= 1);
