//! A table becomes the first partition of a new one of its name. Whatever takes as long as the table is long
//! is done before, while orders are placed.

use time::OffsetDateTime;
use tokio_postgres::{Error, Transaction};

use super::{Month, TABLES, Table, parts, patiently};
use crate::{connection::Connection, partitions::PartitionError};

/// What says, until it is a partition, that the table holds nothing from a month on: nobody has to look again.
const GUARD: &str = "holds_what_was_before";

pub(super) async fn convert(
    client: &mut Connection,
    table: Table,
    now: OffsetDateTime,
) -> Result<(), PartitionError> {
    let end = match parts(client, TABLES[0]).await?.first() {
        Some(first) => first.end,
        // A month is ahead at least, in which this can go on, should it be interrupted.
        None => Month::of(now).next().next(),
    };
    let Table { name, key } = table;
    let guard = format!(
        "alter table {name} drop constraint if exists {GUARD};
         alter table {name} add constraint {GUARD} check ({key} < '{}') not valid",
        end.first_id()
    );
    patiently(client, async |transaction: &Transaction<'_>| {
        transaction.batch_execute(&guard).await
    })
    .await?;
    validate(client, name, GUARD).await?;
    patiently(client, async |transaction: &Transaction<'_>| {
        swap(transaction, table, end).await
    })
    .await?;
    if table == TABLES[0] {
        for referring in &TABLES[1..] {
            validate(client, referring.name, &of_order(referring.name)).await?;
        }
    }
    Ok(())
}

/// Looks at every row; they may be read and written meanwhile.
async fn validate(
    client: &mut Connection,
    table: &str,
    constraint: &str,
) -> Result<(), PartitionError> {
    let validate = format!("alter table {table} validate constraint {constraint}");
    let validate = async |transaction: &Transaction<'_>| transaction.batch_execute(&validate).await;
    patiently(client, validate).await?;
    Ok(())
}

/// The name of the constraint by which a table refers to orders.
fn of_order(table: &str) -> String {
    format!("{table}_order_id_fkey")
}

/// What a table is, as statements that make another one of its name the same; those of constraints and
/// indexes must be read before it is renamed, for they name it.
const DEFINITION: &str = "
    select statement
    from (
        select 1 as step, oid, format(
            'alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)
        ) as statement
        from pg_constraint
        where conrelid = to_regclass($1) and conparentid = 0 and conname <> $2
        union all
        select 2, indexrelid, pg_get_indexdef(indexrelid)
        from pg_index
        where indrelid = to_regclass($1)
          and not exists (select from pg_constraint where conindid = indexrelid and conrelid = indrelid)
        union all
        select 3, oid, format('alter table %s owner to %I', oid::regclass, pg_get_userbyid(relowner))
        from pg_class
        where oid = to_regclass($1)
        union all
        select 4, pg_class.oid, format(
            'grant %s on %s to %s%s', privilege_type, pg_class.oid::regclass,
            case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
            case when is_grantable then ' with grant option' else '' end
        )
        from pg_class, aclexplode(relacl)
        where pg_class.oid = to_regclass($1) and grantee <> relowner
    ) as definition
    order by step, oid, statement";

/// Renames a table and its indexes, whose names begin with that of the table.
const RENAMES: &str = "
    select format('alter index %I rename to %I', relname, $2 || substr(relname, length($1) + 1)) as statement
    from pg_index
    join pg_class on pg_class.oid = indexrelid
    where indrelid = to_regclass($1)
    union all
    select format('alter table %I rename to %I', $1, $2)";

/// Puts a new table in the place of one that becomes its part. Takes no longer the longer the table is.
async fn swap(transaction: &Transaction<'_>, table: Table, end: Month) -> Result<(), Error> {
    let Table { name, key } = table;
    let referring: Vec<_> = if table == TABLES[0] {
        TABLES[1..].iter().map(|table| table.name).collect()
    } else {
        Vec::new()
    };
    let all = [&[name], &referring[..]].concat().join(", ");
    transaction
        .batch_execute(&format!("lock table {all} in access exclusive mode"))
        .await?;
    let definition = statements(transaction, DEFINITION, &[name, GUARD]).await?;
    let before = format!("{name}_before_{end}");
    for name in &referring {
        let cut = format!("alter table {name} drop constraint {}", of_order(name));
        transaction.batch_execute(&cut).await?;
    }
    for rename in statements(transaction, RENAMES, &[name, &before]).await? {
        transaction.batch_execute(&rename).await?;
    }
    let create = format!(
        "create table {name} (like {before} including defaults) partition by range ({key})"
    );
    transaction.batch_execute(&create).await?;
    for statement in definition {
        transaction.batch_execute(&statement).await?;
    }
    let attach = format!(
        "alter table {name} attach partition {before} for values from (minvalue) to ('{}');
         alter table {before} drop constraint {GUARD}",
        end.first_id()
    );
    transaction.batch_execute(&attach).await?;
    for referring in referring {
        let tie = format!(
            "alter table {referring} add constraint {} foreign key (order_id) references {name} (id) not valid",
            of_order(referring)
        );
        transaction.batch_execute(&tie).await?;
    }
    Ok(())
}

async fn statements(
    transaction: &Transaction<'_>,
    query: &str,
    params: &[&str; 2],
) -> Result<Vec<String>, Error> {
    let rows = transaction.query(query, &[&params[0], &params[1]]).await?;
    rows.iter().map(|row| row.try_get("statement")).collect()
}
