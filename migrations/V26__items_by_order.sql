-- What an order has lies together, and every key of an item begins with its order: what divides orders,
-- by the month or among nodes, divides their items in the same way.
create unique index itens_order_order_id_id_key on itens_order (order_id, id);
