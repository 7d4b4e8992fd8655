-- The ledger of stock: every change that is no order's. What orders take and return is not written a
-- second time: it is their items. The quantity of a product is the sum of both.
create table stock_movements (
    id uuid not null,
    product_id uuid not null,
    moved_at timestamptz not null,
    delta bigint not null,
    reason text not null,
    note text,
    -- Unknown of what happened before this table was there.
    moved_by uuid,
    moved_by_role text,
    constraint stock_movements_delta_changes check (delta <> 0),
    constraint stock_movements_reason_known
        check (reason in ('opening', 'count', 'receipt', 'adjustment', 'return', 'loss')),
    constraint stock_movements_role_known
        check (moved_by_role in ('admin', 'staff', 'customer')),
    constraint stock_movements_note_length check (char_length(note) between 1 and 500)
);

-- Ledgers of products that were there before begin with what is left and what was sold: how often it
-- was counted meanwhile is not known. One statement sees one moment, while orders are placed.
insert into stock_movements (id, product_id, moved_at, delta, reason)
select stock.id, stock.product_id, products.created_at,
       quantidade_disponivel + coalesce(sold.units, 0), 'opening'
from stock
join products on products.id = stock.product_id
left join (
    select product_id, sum(quantidade) as units
    from itens_order
    join orders on orders.id = itens_order.order_id
    where status <> 'cancelled'
    group by product_id
) as sold on sold.product_id = stock.product_id
where quantidade_disponivel + coalesce(sold.units, 0) <> 0;

-- Once the table is full, which is faster. A ledger is read by product, the newest first; nothing
-- looks for an id alone.
alter table stock_movements
    add constraint stock_movements_pkey primary key (product_id, moved_at, id),
    add constraint stock_movements_product_id_fkey
        foreign key (product_id) references products (id);

-- Cancellations in the sequence of their moments, for ledgers.
create index order_history_cancelled_idx on order_history (changed_at) where status = 'cancelled';
