-- The index of V26 takes its place: no item is looked up without its order.
alter table itens_order drop constraint itens_order_pkey;
