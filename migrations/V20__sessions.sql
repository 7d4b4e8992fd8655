-- Who is logged in. Accounts change their role, are disabled, and get other passwords.
alter table users
    add column version bigint not null default 1,
    add column disabled_at timestamptz,
    add constraint users_version_positive check (version >= 1);

-- Who else runs the shop is asked before one of them stops doing so.
create index users_acting_admins_idx on users (id) where role = 'admin' and disabled_at is null;

-- Accounts in the sequence in which they are listed; those of one moment are few.
create index users_created_at_idx on users (created_at);

create table sessions (
    id uuid not null,
    account_id uuid not null,
    created_at timestamptz not null,
    used_at timestamptz not null,
    expires_at timestamptz not null,
    address text not null,
    user_agent text,
    -- Hashes of the refresh token, of what all tokens of the session have in common, and of the
    -- token before, with what this one was made of it.
    token bytea not null,
    family bytea not null,
    replaced bytea,
    salt bytea,
    constraint sessions_pkey primary key (id),
    constraint sessions_account_id_fkey
        foreign key (account_id) references users (id) on delete cascade,
    constraint sessions_user_agent_length check (char_length(user_agent) between 1 and 200),
    constraint sessions_hash_length
        check (octet_length(token) = 32 and octet_length(family) = 32 and octet_length(replaced) = 32),
    constraint sessions_salt_length check (octet_length(salt) = 16),
    constraint sessions_rotation_whole check ((replaced is null) = (salt is null))
);

create index sessions_account_id_idx on sessions (account_id, created_at);

-- The clean-up begins with the oldest.
create index sessions_expires_at_idx on sessions (expires_at);

-- The credentials in which nobody is to believe any more. Replicas read what is new in it twice a
-- second: everything of transactions that had not ended when they read before.
create table revocations (
    id uuid not null,
    revoked_at timestamptz not null default now(),
    revoked_in xid8 not null default pg_current_xact_id()
);

create index revocations_revoked_in_idx on revocations (revoked_in);
create index revocations_revoked_at_idx on revocations (revoked_at);

-- However a session ends, with its account or by hand too, the replicas hear of it, unless it has
-- expired.
create function revoke_credential() returns trigger language plpgsql as $$
begin
    insert into revocations (id) values (old.id);
    return null;
end
$$;

create trigger sessions_revoked after delete on sessions
for each row when (old.expires_at > now()) execute function revoke_credential();
