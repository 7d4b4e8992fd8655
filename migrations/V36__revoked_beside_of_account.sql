-- The same, for what an account has.
create or replace function revoke_credentials_of_account() returns trigger language plpgsql as $$
begin
    execute format('delete from %I.sessions where account_id = $1', tg_table_schema) using new.id;
    execute format(
        'insert into %1$I.revocations (id) select id from %1$I.api_keys where account_id = $1', tg_table_schema
    ) using new.id;
    return null;
end
$$;
