-- Who buys.
create table customers (
    id uuid not null,
    nome text not null,
    email text not null,
    created_at timestamptz not null,
    constraint customers_pkey primary key (id),
    constraint customers_nome_length check (char_length(nome) between 1 and 200),
    constraint customers_email_length check (octet_length(email) between 3 and 254)
);

-- One customer an address, without regard to case.
create unique index customers_email_key on customers (lower(email));
