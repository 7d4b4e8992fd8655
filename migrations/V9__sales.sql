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

-- How many units of a product had been sold by the end of a day: on every day of the last year
-- one row for each product that had been sold by then. What was sold in a period is the
-- difference of two days, however long it is and however many orders it had, and the rows of a
-- day lie together. Those of today change in place (HOT).
create table sales_to_date (
    day date not null,
    product_id uuid not null,
    quantidade_vendida bigint not null,
    constraint sales_to_date_pkey primary key (day, product_id),
    constraint sales_to_date_product_id_fkey foreign key (product_id) references products (id)
) with (fillfactor = 70);

with today as (
    select (now() at time zone 'UTC')::date as day
), sold as (
    -- What was sold before counts on the first day that is kept.
    select product_id, greatest((data_order at time zone 'UTC')::date, today.day - 366) as day,
           sum(quantidade) as quantidade
    from orders
    join itens_order on itens_order.order_id = orders.id
    cross join today
    where orders.status <> 'cancelled'
    group by 1, 2
)
insert into sales_to_date (day, product_id, quantidade_vendida)
select days.day, first_sold.product_id,
       sum(coalesce(sold.quantidade, 0)) over (
           partition by first_sold.product_id order by days.day
       )
from (
    select product_id, min(day) as day
    from sold
    group by product_id
) as first_sold
cross join today
cross join generate_series(0, today.day - first_sold.day) as n
cross join lateral (select first_sold.day + n as day) as days
left join sold on sold.product_id = first_sold.product_id and sold.day = days.day
order by 1, 2;
