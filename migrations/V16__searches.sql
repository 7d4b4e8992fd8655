-- A search for words that begin like the given one names these words, where they are few: the index
-- finds products that have several given words without reading all that have any of them, but only
-- for whole words. A word that the catalogue does not have stands for those most like it; "kafe" and
-- "cafe" share a quarter of their trigrams.

-- Loads pg_trgm: who is no superuser may name a setting of it only once it is there.
select show_limit();

create or replace function product_query(search text) returns tsquery
    language sql stable strict parallel safe
    set pg_trgm.similarity_threshold = 0.25
begin atomic
    with words as (
        select word, tsquery_quoted(word) as quoted
        from unnest(tsvector_to_array(to_tsvector('simple', folded(search)))) as words (word)
        limit 10
    ), looked_up as (
        select words.*, known.words, known.number
        from words
        cross join lateral (
            select string_agg(tsquery_quoted(word), ' | ') as words, count(*) as number
            from (
                select product_words.word
                from product_words
                where product_words.word >= words.word collate "C"
                  and product_words.word <= (
                      words.word || case when char_length(words.word) > 2 then chr(1114111) else '' end
                  ) collate "C"
                order by product_words.word
                limit 21
            ) as begun
        ) as known
    )
    select coalesce(string_agg('(' || meant || ')', ' & '), '')::tsquery
    from (
        select case when number > 20 then quoted || ':*' else looked_up.words end as meant
        from looked_up
        where number > 0
        union all
        select coalesce(alike, quoted)
        from looked_up
        cross join lateral (
            select string_agg(tsquery_quoted(word), ' | ') as alike
            from (
                select product_words.word
                from product_words
                where product_words.word % looked_up.word
                order by product_words.word <-> looked_up.word, product_words.word
                limit 5
            ) as nearest
        ) as nearest_words
        where number = 0
    ) as every_word;
end;
