//! The ledger: the table `stock_movements`, and the items of orders, which are what orders took and,
//! when they were cancelled, returned.

use domain::{
    StorageError,
    bulk::Export,
    catalog::ProductId,
    idempotency::Creation,
    identity::{AccountId, Role},
    orders::OrderId,
    stock::{BookEntry, LedgerEntry, LedgerReason, Units},
    values::{Freshness, Note, Page, PageRequest, Position},
};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{
    database::Database,
    error::column,
    export::{self, Entities},
    list::{Conditions, page_of},
    statements::Value,
};

/// What the entries of a ledger are read from. `lies` is the condition that an entry lies before or
/// behind a position. Each part is read in the sequence of an index, and no further than the page is
/// long; with the product as a constant, the planner knows whether to begin with its items instead.
///
/// An order that was cancelled before histories were kept is in neither part: nobody knows when its
/// units came back. By `= any(array[id])` the history of each order is looked up, instead of all of
/// them once.
fn entries(lies: impl Fn(&str, &str) -> String) -> String {
    format!(
        "(
             select id, moved_at as at, delta, reason, null::uuid as order_id, moved_by,
                    moved_by_role, note
             from stock_movements
             where product_id = $1 {movements}
             order by moved_at desc, id desc
             limit $2
         )
         union all
         (
             select itens_order.id, data_order, -quantidade::bigint, 'sale', orders.id, placed_by,
                    placed_by_role, null
             from orders
             join itens_order on itens_order.order_id = orders.id
             where product_id = $1 {sales}
               and (status <> 'cancelled' or exists (
                   select
                   from order_history
                   where order_history.order_id = any(array[orders.id])
                     and order_history.status = 'cancelled'
                     and changed_at is not null
               ))
             order by data_order desc, itens_order.id desc
             limit $2
         )
         union all
         (
             select itens_order.id, changed_at, quantidade::bigint, 'cancellation',
                    order_history.order_id, changed_by, changed_by_role, note
             from order_history
             join itens_order on itens_order.order_id = order_history.order_id
             where product_id = $1
               and status = 'cancelled'
               and changed_at is not null {cancellations}
             order by changed_at desc, itens_order.id desc
             limit $2
         )",
        movements = lies("moved_at", "id"),
        sales = lies("data_order", "itens_order.id"),
        cancellations = lies("changed_at", "itens_order.id"),
    )
}

/// Begins with what there is, or with what there was before the position, and goes back from there.
/// An index of moments alone serves the first of the two conditions.
pub(super) async fn page(
    database: &Database,
    product_id: ProductId,
    page: &PageRequest,
) -> Result<Page<LedgerEntry>, StorageError> {
    let product_id = product_id.as_uuid();
    let rows = i64::from(page.limit.entries()) + 1;
    let mut params: Vec<&dyn Value> = vec![&product_id, &rows];
    let position = page.after.as_ref().map(Behind::parse).transpose()?;
    let (entries, start) = match &position {
        None => (
            entries(|_, _| String::new()),
            "(select quantidade_disponivel from stock where product_id = $1)",
        ),
        Some(Behind { at, balance, id }) => {
            let position: [&dyn Value; 3] = [at, balance, id];
            params.extend(position);
            let behind = |at: &str, id: &str| {
                format!(
                    "and {at} <= $3::text::timestamptz
                     and ({at}, {id}) < ($3::text::timestamptz, $5)"
                )
            };
            (entries(behind), "$4::bigint")
        }
    };
    let statement = format!(
        "select *, at::text || ' ' || (balance - delta) as sort_key
         from (
             select *, ({start} - coalesce(
                 sum(delta) over (
                     order by at desc, id desc
                     rows between unbounded preceding and 1 preceding
                 ),
                 0
             ))::bigint as balance
             from ({entries}) as entries
         ) as ledger
         order by at desc, id desc
         limit $2"
    );
    let search = database.searches_client().await?;
    let rows = search.query(&statement, &params).await?;
    drop(search);
    page_of(rows.chunks(1), page, |row, _| entry(row))
}

/// The entry of a movement. Its balance is what there is without all that came later.
pub(super) async fn find(
    database: &Database,
    product_id: ProductId,
    movement: Creation,
) -> Result<Option<LedgerEntry>, StorageError> {
    let later = entries(|at, id| format!("and {at} >= $3 and ({at}, {id}) > ($3, $4)"));
    let statement = format!(
        "select stock_movements.id, moved_at as at, delta, reason, null::uuid as order_id, moved_by,
                moved_by_role, note, (quantidade_disponivel - coalesce(
                    (select sum(delta) from ({later}) as later),
                    0
                ))::bigint as balance
         from stock_movements
         join stock on stock.product_id = stock_movements.product_id
         where stock_movements.product_id = $1
           and moved_at = $3
           and stock_movements.id = $4"
    );
    let (product_id, all) = (product_id.as_uuid(), i64::MAX);
    let params: [&dyn Value; 4] = [&product_id, &all, &movement.created_at, &movement.id];
    let search = database.searches_client().await?;
    let rows = search.query(&statement, &params).await?;
    rows.first().map(entry).transpose()
}

/// Where a page begins: behind this entry, before which there were so many units.
struct Behind<'a> {
    at: &'a str,
    balance: i64,
    id: Uuid,
}

impl<'a> Behind<'a> {
    fn parse(position: &'a Position) -> Result<Self, StorageError> {
        let foreign = || StorageError::internal("a position that is none of a ledger");
        let (at, balance) = position.key.rsplit_once(' ').ok_or_else(foreign)?;
        Ok(Self {
            at,
            balance: balance.parse().map_err(|_| foreign())?,
            id: position.id,
        })
    }
}

fn entry(row: &Row) -> Result<LedgerEntry, StorageError> {
    let reason: &str = column(row, "reason")?;
    let role: Option<&str> = column(row, "moved_by_role")?;
    let note: Option<&str> = column(row, "note")?;
    Ok(LedgerEntry {
        id: column(row, "id")?,
        at: column(row, "at")?,
        delta: column(row, "delta")?,
        balance: column(row, "balance")?,
        reason: reason
            .parse::<LedgerReason>()
            .map_err(StorageError::corrupt)?,
        order_id: column::<Option<Uuid>>(row, "order_id")?.map(OrderId::new),
        role: role
            .map(str::parse::<Role>)
            .transpose()
            .map_err(StorageError::corrupt)?,
        account_id: column::<Option<Uuid>>(row, "moved_by")?.map(AccountId::new),
        note: note
            .map(Note::parse)
            .transpose()
            .map_err(StorageError::corrupt)?,
    })
}

/// What orders have taken and returned again cancels out.
const BOOKS: &str = "
    select product_id, quantidade_disponivel as units, true as is_stock
    from stock
    union all
    select product_id, delta, false
    from stock_movements
    union all
    select product_id, -quantidade::bigint, false
    from itens_order
    join orders on orders.id = itens_order.order_id
    where status <> 'cancelled'";

/// About as many as PostgreSQL thinks there are: counting them would take as long as reading them.
const COUNT_BOOKS: &str = "
    select coalesce(sum(greatest(reltuples, 0)), 0)::bigint as count
    from pg_class
    where oid in ('stock'::regclass, 'stock_movements'::regclass, 'itens_order'::regclass) and relkind = 'r'
       or oid in (select relid from pg_partition_tree('itens_order') where isleaf)";

/// One statement, which sees one moment, locks nothing and waits for nobody.
pub(super) fn books(database: &Database) -> Export<BookEntry> {
    let entities = Entities {
        is_same: |_, _| false,
        entity: |row, _| {
            let units: i64 = column(row, "units")?;
            let is_stock: bool = column(row, "is_stock")?;
            Ok(BookEntry {
                product_id: ProductId::new(column(row, "product_id")?),
                units: if is_stock {
                    Units::Stock(units)
                } else {
                    Units::Ledger(units)
                },
            })
        },
    };
    let (statement, counted) = (BOOKS.to_owned(), COUNT_BOOKS.to_owned());
    export::export(
        (database, Freshness::Latest),
        statement,
        counted,
        Conditions::default(),
        entities,
    )
}
