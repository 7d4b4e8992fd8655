-- Products and customers change, and end. A product that is retired is no longer sold, but still
-- stands on old orders; of a customer who is erased only the id is left, which their orders name.
alter table products
    add column version bigint not null default 1,
    add column sku text,
    add column retired_at timestamptz,
    add constraint products_version_positive check (version >= 1),
    add constraint products_sku_length check (char_length(sku) between 1 and 64);

-- The shop's own number of a product. One that is retired leaves its number to another.
create unique index products_sku_key on products (sku) where retired_at is null;

alter table customers
    add column erased_at timestamptz;
