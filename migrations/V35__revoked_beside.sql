-- A session or a key that ends is told to the revocations beside it, whatever the session of PostgreSQL in which it
-- ends looks into: a database may hold many shops, each in a schema of its own.
create or replace function revoke_credential() returns trigger language plpgsql as $$
begin
    execute format('insert into %I.revocations (id) values ($1)', tg_table_schema) using old.id;
    return null;
end
$$;
