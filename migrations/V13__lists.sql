-- Lists: for every sequence and every filter an index, so that each page costs the same.
create extension if not exists pg_trgm;

-- The one place where case and accents are folded: "Café" is "cafe" (Unicode's NFKD, without its
-- combining marks).
create function folded(text) returns text
    language sql immutable strict parallel safe
    return lower(regexp_replace(normalize($1, NFKD), '[\u0300-\u036f]', '', 'g'));

-- Orders have the indexes for their moment, their customer and their products already; those of one
-- moment are few, and are sorted when they are read. By their status: every order begins as a
-- pending one, and is added at the end of an index of its own, which costs placing little; the other
-- one is not touched by it.
create index orders_pending_idx on orders (data_order) where status = 'pending';
create index orders_status_data_order_idx on orders (status, data_order)
    where status <> 'pending';

-- Customers.
create index customers_created_at_id_idx on customers (created_at, id) where erased_at is null;
create index customers_nome_id_idx on customers ((folded(nome) collate "C"), id)
    where erased_at is null;
create index customers_nome_words_idx on customers using gin (folded(nome) gin_trgm_ops)
    where erased_at is null;

-- Products. The words of a product are kept beside it, because reckoning them takes long.
alter table products
    add column words tsvector generated always as (
        to_tsvector('simple', folded(nome || ' ' || coalesce(descricao, '')))
    ) stored;

create index products_created_at_id_idx on products (created_at, id) where retired_at is null;
create index products_nome_id_idx on products ((folded(nome) collate "C"), id)
    where retired_at is null;
create index products_preco_id_idx on products (preco, id) where retired_at is null;
create index products_words_idx on products using gin (words) where retired_at is null;
create index products_retired_idx on products (id) where retired_at is not null;

-- Changes only when the last unit goes or the first comes, and so an order seldom touches its index.
alter table stock
    add column in_stock boolean not null generated always as (quantidade_disponivel > 0) stored;

create index stock_in_stock_product_id_idx on stock (in_stock, product_id);

-- Every word that a product has, for those who mistype one.
create table product_words (
    word text collate "C" not null,
    constraint product_words_pkey primary key (word)
);

create index product_words_similar_idx on product_words using gin (word gin_trgm_ops);

insert into product_words (word)
select distinct unnest(tsvector_to_array(words)) from products;

create function tsquery_quoted(word text) returns text
    language sql immutable strict parallel safe
    return '''' || replace(replace(word, '\', '\\'), '''', '''''') || '''';

-- What a search asks for: every word of it. A word that the catalogue has, or that one of its words
-- begins with, stands for itself; another one for the words that are most like it (pg_trgm).
create function product_query(search text) returns tsquery
    language sql stable strict parallel safe
begin atomic
    with words as (
        select word, quoted, quoted || case when char_length(word) > 2 then ':*' else '' end as known,
               exists (
                   select
                   from product_words
                   where product_words.word >= words.word collate "C"
                     and product_words.word < (words.word || chr(1114111)) collate "C"
               ) as is_known
        from unnest(tsvector_to_array(to_tsvector('simple', folded(search)))) as words (word)
        cross join lateral tsquery_quoted(word) as quoted
        limit 10
    )
    select coalesce(string_agg('(' || meant || ')', ' & '), '')::tsquery
    from (
        select known as meant
        from words
        where is_known
        union all
        select coalesce(alike, quoted)
        from words
        cross join lateral (
            select string_agg(tsquery_quoted(word), ' | ') as alike
            from (
                select product_words.word
                from product_words
                where product_words.word % words.word
                order by product_words.word <-> words.word, product_words.word
                limit 5
            ) as nearest
        ) as nearest_words
        where not is_known
    ) as every_word;
end;
