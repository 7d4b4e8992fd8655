-- Whether an import under a key has come to its end: only one that broke off goes on with more rows.
alter table import_keys
    add column is_finished boolean not null default false;
