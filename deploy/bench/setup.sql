-- What `make bench` measures on: 10 000 products, 1 000 customers, one of the shop's people who
-- orders for them. The ids are made of numbers, so that a load generator can name them.
create or replace function bench_id(kind int, n bigint) returns uuid
    language sql immutable parallel safe
    return (lpad(to_hex(kind), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid;

insert into customers (id, nome, email, created_at)
select bench_id(1, n), 'Customer ' || n, 'customer' || n || '@bench.example', now()
from generate_series(1, 1000) as n;

insert into products (id, nome, descricao, preco, created_at)
select bench_id(2, n), 'Product ' || n, 'What product ' || n || ' is, in a sentence.', 19.90, now()
from generate_series(1, 10000) as n;

insert into stock (id, product_id, quantidade_disponivel)
select bench_id(3, n), bench_id(2, n), 1000000000
from generate_series(1, 10000) as n;

vacuum analyze customers, products, stock;
