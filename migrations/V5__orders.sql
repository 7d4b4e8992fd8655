-- What was bought, by whom and when. The status changes in place (HOT): it is in no index.
create table orders (
    id uuid not null,
    customer_id uuid not null,
    data_order timestamptz not null,
    status text not null,
    constraint orders_pkey primary key (id),
    constraint orders_customer_id_fkey foreign key (customer_id) references customers (id),
    constraint orders_status_known
        check (status in ('pending', 'paid', 'shipped', 'delivered', 'cancelled'))
) with (fillfactor = 90);

create index orders_customer_id_idx on orders (customer_id);

-- The best sellers of the last days begin here.
create index orders_data_order_idx on orders (data_order);
