-- Who took an order to which status, and when. Who placed it stands on the order itself, so that
-- placing writes no second row.
alter table orders
    add column placed_by uuid,
    add column placed_by_role text;

create table order_history (
    order_id uuid not null,
    -- The version that the order has had since.
    version bigint not null,
    status text not null,
    -- Unknown of what happened before this table was there.
    changed_at timestamptz,
    changed_by uuid,
    changed_by_role text,
    note text,
    constraint order_history_pkey primary key (order_id, version),
    constraint order_history_order_id_fkey foreign key (order_id) references orders (id),
    constraint order_history_version_changed check (version >= 2),
    constraint order_history_status_known
        check (status in ('paid', 'shipped', 'delivered', 'cancelled')),
    constraint order_history_role_known
        check (changed_by_role in ('admin', 'staff', 'customer')),
    constraint order_history_note_length check (char_length(note) between 1 and 500)
);

-- What can be known of old orders. Their keys name who placed those of the last day. An order goes
-- one way until it is cancelled, so its version and its status tell every status that it had.
update orders
set placed_by = users.id, placed_by_role = users.role
from idempotency_keys
join users on users.id = idempotency_keys.account_id
where orders.id = idempotency_keys.order_id;

insert into order_history (order_id, version, status)
select orders.id, n,
       case when n = orders.version then orders.status
            else (array['pending', 'paid', 'shipped', 'delivered'])[n]
       end
from orders
cross join generate_series(2, orders.version) as n
where orders.version between 2 and 4 and orders.status <> 'pending';
