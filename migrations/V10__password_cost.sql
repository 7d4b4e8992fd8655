-- A bcrypt hash says in its fifth and sixth character how much work it is to check. Whoever logs
-- in is kept waiting as long as for the dearest one, so that nobody learns from the time whether
-- an account exists: this finds it.
create index users_password_cost_idx on users (substr(password_hash, 5, 2));
