-- How many units of a product can be ordered. Every order writes here: half of each page stays
-- free, so that the new version of a row fits beside the old one and no index is touched (HOT).
-- Index nothing here that changes.
create table stock (
    id uuid not null,
    product_id uuid not null,
    quantidade_disponivel bigint not null,
    constraint stock_pkey primary key (id),
    constraint stock_product_id_key unique (product_id),
    constraint stock_product_id_fkey foreign key (product_id) references products (id),
    constraint stock_quantidade_disponivel_not_negative check (quantidade_disponivel >= 0)
) with (fillfactor = 50);
