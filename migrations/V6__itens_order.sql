-- The items of an order: one a product, at the price of the moment of sale. Written once.
create table itens_order (
    id uuid not null,
    order_id uuid not null,
    product_id uuid not null,
    quantidade integer not null,
    preco_unitario numeric(12, 2) not null,
    constraint itens_order_pkey primary key (id),
    -- Finds the items of an order, and answers the best sellers without a visit to the table.
    constraint itens_order_order_id_product_id_key
        unique (order_id, product_id) include (quantidade),
    constraint itens_order_order_id_fkey foreign key (order_id) references orders (id),
    constraint itens_order_product_id_fkey foreign key (product_id) references products (id),
    constraint itens_order_quantidade_positive check (quantidade > 0),
    constraint itens_order_preco_unitario_not_negative check (preco_unitario >= 0)
);

create index itens_order_product_id_idx on itens_order (product_id);
