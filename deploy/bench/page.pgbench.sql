-- The newest 20 orders with their items.
select listed.id, customer_id, data_order, status, version, itens_order.id as item_id, product_id, quantidade, preco_unitario from (select * from orders order by data_order desc, id desc limit 21) as listed join itens_order on itens_order.order_id = listed.id order by data_order desc, listed.id desc, itens_order.id;
