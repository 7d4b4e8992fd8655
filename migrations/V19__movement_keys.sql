-- Movements of stock are made under keys, too.
alter table creation_keys
    drop constraint creation_keys_kind_known,
    add constraint creation_keys_kind_known check (kind in ('customer', 'product', 'movement'));
