-- What `make bench` measures on: as many products as :products says, as many customers as
-- :customers says, one of the shop's people who orders for them. The ids are made of numbers, so
-- that a load generator can name them.
create or replace function bench_id(kind int, n bigint) returns uuid
    language sql immutable parallel safe
    return (lpad(to_hex(kind), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid;

-- The word that a product has at this place, of three syllables, one of 20 000: as in a language, a
-- word is the rarer the higher its number is (Zipf's law).
create or replace function bench_syllable(n int) returns text
    language sql immutable parallel safe
    return substr('bcdfglmnprstvz', 1 + n / 5 % 14, 1) || substr('aeiou', 1 + n % 5, 1);
create or replace function bench_number(product bigint, place int) returns int
    language sql immutable parallel safe
    return floor(20000::float8 ^ ((hashint8extended(product, place) & 65535) / 65536::float8))::int;
create or replace function bench_word(product bigint, place int) returns text
    language sql immutable parallel safe
    return bench_syllable(bench_number(product, place) / 4900)
        || bench_syllable(bench_number(product, place) / 70)
        || bench_syllable(bench_number(product, place));

insert into customers (id, nome, email, created_at)
select bench_id(1, n), 'Customer ' || n, 'customer' || n || '@bench.example', now()
from generate_series(1, :customers) as n;

insert into products (id, nome, descricao, preco, created_at)
select bench_id(2, n),
       concat_ws(' ', bench_word(n, 1), bench_word(n, 2), bench_word(n, 3), n),
       concat_ws(' ', bench_word(n, 4), bench_word(n, 5), bench_word(n, 6), bench_word(n, 7),
                 bench_word(n, 8), bench_word(n, 9), bench_word(n, 10)),
       (n % 1000) + 0.90,
       now() - interval '1 year' * n / :products
from generate_series(1, :products) as n;

insert into product_words (word)
select distinct unnest(tsvector_to_array(words)) from products;

insert into stock (id, product_id, quantidade_disponivel)
select bench_id(3, n), bench_id(2, n), case when n % 10 = 0 and n > 10000 then 0 else 1000000000 end
from generate_series(1, :products) as n;

insert into stock_movements (id, product_id, moved_at, delta, reason)
select stock.id, product_id, created_at, quantidade_disponivel, 'opening'
from stock
join products on products.id = product_id
where quantidade_disponivel <> 0;

vacuum analyze customers, products, product_words, stock, stock_movements;
