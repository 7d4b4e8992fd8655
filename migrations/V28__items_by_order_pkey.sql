alter table itens_order add constraint itens_order_pkey primary key using index itens_order_order_id_id_key;
