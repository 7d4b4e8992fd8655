-- It was for the constraint that V29 drops: nothing asks for the keys of an order.
drop index idempotency_keys_order_id_idx;
