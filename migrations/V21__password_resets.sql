-- Who may set the password of an account, once.
create table password_resets (
    account_id uuid not null,
    token bytea not null,
    expires_at timestamptz not null,
    constraint password_resets_pkey primary key (account_id),
    constraint password_resets_token_key unique (token),
    constraint password_resets_account_id_fkey
        foreign key (account_id) references users (id) on delete cascade,
    constraint password_resets_token_length check (octet_length(token) = 32)
);
