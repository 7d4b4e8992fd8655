-- A key is written with its order, and read together with it: without the order it means nothing. So the
-- orders may be kept elsewhere than their keys.
alter table idempotency_keys drop constraint idempotency_keys_order_id_fkey;
