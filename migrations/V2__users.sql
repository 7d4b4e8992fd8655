-- Who may log in. A customer's account belongs to one customer; the shop's people have none.
create table users (
    id uuid not null,
    email text not null,
    password_hash text not null,
    role text not null,
    customer_id uuid,
    created_at timestamptz not null,
    constraint users_pkey primary key (id),
    constraint users_email_length check (octet_length(email) between 3 and 254),
    constraint users_role_known check (role in ('admin', 'staff', 'customer')),
    constraint users_customer_has_customer_id check ((role = 'customer') = (customer_id is not null)),
    constraint users_customer_id_key unique (customer_id),
    constraint users_customer_id_fkey foreign key (customer_id) references customers (id)
);

-- One account an address, without regard to case.
create unique index users_email_key on users (lower(email));
