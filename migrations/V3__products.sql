-- What is sold.
create table products (
    id uuid not null,
    nome text not null,
    descricao text,
    preco numeric(12, 2) not null,
    created_at timestamptz not null,
    constraint products_pkey primary key (id),
    constraint products_nome_length check (char_length(nome) between 1 and 200),
    constraint products_descricao_length check (char_length(descricao) <= 5000),
    constraint products_preco_not_negative check (preco >= 0)
);
