-- As many orders of two lines as :orders says, of :customers and :products, spread over the last year.
-- What they refer to is there: the foreign keys are not checked, which would take most of the time.
set session_replication_role = replica;

insert into orders (id, customer_id, data_order, status)
select bench_id(4, n), bench_id(1, 1 + n % :customers), now() - interval '1 year' * n / :orders, 'delivered'
from generate_series(1, :orders) as n;

insert into itens_order (id, order_id, product_id, quantidade, preco_unitario)
select bench_id(5, n * 2 + line), bench_id(4, n), bench_id(2, 1 + (n * 7 + line) % :products), 1, 19.90
from generate_series(1, :orders) as n, generate_series(0, 1) as line;

vacuum analyze orders, itens_order;
checkpoint;
