-- What was sold, so that best sellers need not go through the orders.

-- Told by every placement and cancellation within its own transaction: how many units of which
-- products, on the day (UTC) on which the orders were placed; less than nothing when they come
-- back. Gathered into sales_to_date some times a minute, and removed then. A row holds a whole
-- batch, and stays on its page as long as it fits there: its UUIDs would not get any smaller.
create table sales_log (
    day date not null,
    product_ids uuid[] not null,
    quantidades bigint[] not null,
    constraint sales_log_same_length check (cardinality(product_ids) = cardinality(quantidades))
) with (toast_tuple_target = 8160);

alter table sales_log
    alter column product_ids set storage external,
    alter column quantidades set storage external;

-- How many units of a product had been sold by the end of a day, one row for each day on which
-- that changed: what was sold in a period is the difference of two rows, however long it is. The
-- row of today changes in place (HOT).
create table sales_to_date (
    product_id uuid not null,
    day date not null,
    quantidade_vendida bigint not null,
    constraint sales_to_date_pkey primary key (product_id, day),
    constraint sales_to_date_product_id_fkey foreign key (product_id) references products (id)
) with (fillfactor = 70);

insert into sales_to_date (product_id, day, quantidade_vendida)
select product_id, day, sum(sum(quantidade)) over (partition by product_id order by day)
from (
    select product_id, (data_order at time zone 'UTC')::date as day, quantidade
    from orders
    join itens_order on itens_order.order_id = orders.id
    where orders.status <> 'cancelled'
) as sold
group by product_id, day;
