-- What machines show in place of a session.
create table api_keys (
    id uuid not null,
    account_id uuid not null,
    name text not null,
    scopes text[] not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    -- The hour.
    used_at timestamptz,
    secret bytea not null,
    constraint api_keys_pkey primary key (id),
    constraint api_keys_secret_key unique (secret),
    constraint api_keys_account_id_fkey
        foreign key (account_id) references users (id) on delete cascade,
    constraint api_keys_name_length check (char_length(name) between 1 and 200),
    constraint api_keys_secret_length check (octet_length(secret) = 32)
);

create index api_keys_account_id_idx on api_keys (account_id, created_at);

create trigger api_keys_revoked after delete on api_keys
for each row execute function revoke_credential();

-- Of an account that gets another role, is disabled or enabled, by hand too, the sessions end, and what
-- replicas know of its keys holds no more.
create function revoke_credentials_of_account() returns trigger language plpgsql as $$
begin
    delete from sessions where account_id = new.id;
    insert into revocations (id) select id from api_keys where account_id = new.id;
    return null;
end
$$;

create trigger users_changed after update on users
for each row when (old.role <> new.role or old.disabled_at is distinct from new.disabled_at)
execute function revoke_credentials_of_account();
