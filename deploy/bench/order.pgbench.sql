-- One order of two lines as one prepared transaction, a statement at a time: what placing costs
-- without a desk.
\set first random(1, 10000)
\set second random(1, 10000)
\set customer random(1, 1000)
begin;
select product_id, quantidade_disponivel from stock where product_id = any(array[bench_id(2, :first), bench_id(2, :second)]) order by product_id for update;
select id, preco from products where id = any(array[bench_id(2, :first), bench_id(2, :second)]);
select id from customers where id = bench_id(1, :customer);
update stock set quantidade_disponivel = quantidade_disponivel - 1 where product_id = any(array[bench_id(2, :first), bench_id(2, :second)]);
with placed as (insert into orders (id, customer_id, data_order, status) values (gen_random_uuid(), bench_id(1, :customer), now(), 'pending') returning id) insert into itens_order (id, order_id, product_id, quantidade, preco_unitario) select gen_random_uuid(), placed.id, bench_id(2, n), 1, 19.90 from placed, (select distinct n from unnest(array[:first, :second]::bigint[]) as n) as lines;
commit;
