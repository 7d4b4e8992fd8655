-- One order of one line, always of the same product.
\set customer random(1, 1000)
begin;
select product_id, quantidade_disponivel from stock where product_id = bench_id(2, 1) for update;
select id, preco from products where id = bench_id(2, 1);
select id from customers where id = bench_id(1, :customer);
update stock set quantidade_disponivel = quantidade_disponivel - 1 where product_id = bench_id(2, 1);
with placed as (insert into orders (id, customer_id, data_order, status) values (gen_random_uuid(), bench_id(1, :customer), now(), 'pending') returning id) insert into itens_order (id, order_id, product_id, quantidade, preco_unitario) select gen_random_uuid(), id, bench_id(2, 1), 1, 19.90 from placed;
commit;
