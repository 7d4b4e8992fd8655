//! A table becomes the first partition of a new one of its name. Whatever takes as long as the table is long
//! is done before, while orders are placed.

use time::{Duration, OffsetDateTime};
use tokio_postgres::Client;

use super::{Locks, Month, PartitionError, Prepare, TABLES, Table, extend, parts};
use crate::{connection::Connection, error::column, statements};

/// What says, until it is a partition, that a table holds nothing from a month on: nobody has to look again. While
/// it is there that month must not come.
const GUARD: &str = "holds_what_was_before";

/// How far ahead that month is at least.
const AHEAD: Duration = Duration::days(28);

/// What is to be converted.
pub(super) struct Conversion {
    tables: Vec<Table>,
    /// The first month that is not in the first partition.
    end: Month,
}

/// Which tables are partitioned, and on which a guard is left.
const STATE: &str = "
    select relkind = 'p' as is_partitioned,
           exists (select from pg_constraint where conrelid = pg_class.oid and conname = $2) as is_guarded
    from pg_class
    where oid = to_regclass($1)";

/// Whether PostgreSQL knows already what a guard says.
const IS_GUARDED: &str = "
    select exists (
        select
        from pg_constraint
        where conrelid = to_regclass($1)
          and conname = $2
          and convalidated
    ) as is_guarded";

async fn state_of(client: &Client, table: Table) -> Result<(bool, bool), PartitionError> {
    let row = statements::query_one(client, STATE, &[&table.name, &GUARD]).await?;
    Ok((column(&row, "is_partitioned")?, column(&row, "is_guarded")?))
}

/// Whether any table is partitioned, and whether a guard is left.
pub(super) async fn state(client: &Client) -> Result<(bool, bool), PartitionError> {
    let (mut is_begun, mut is_guarded) = (false, false);
    for table in TABLES {
        let (partitioned, guarded) = state_of(client, table).await?;
        is_begun |= partitioned;
        is_guarded |= guarded;
    }
    Ok((is_begun, is_guarded))
}

/// Removes the guards that are left: whatever begins again makes them anew.
pub(super) async fn let_go(client: &mut Connection) -> Result<(), PartitionError> {
    let drop: Vec<_> = TABLES
        .iter()
        .map(|table| {
            format!(
                "alter table {} drop constraint if exists {GUARD};",
                table.name
            )
        })
        .collect();
    let drop = drop.concat();
    Locks::Orders.make(client, drop.as_str()).await
}

impl Conversion {
    /// What is left to do, if anything is.
    pub(super) async fn begin(
        client: &mut Connection,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<Option<Self>, PartitionError> {
        let mut tables = Vec::new();
        for table in TABLES {
            if !state_of(client, table).await?.0 {
                tables.push(table);
            }
        }
        if tables.is_empty() {
            return Ok(None);
        }
        let in_the_way = obstacles(client, &tables).await?;
        if !in_the_way.is_empty() {
            return Err(PartitionError::InTheWay(in_the_way));
        }
        // Where orders are partitioned, a month of theirs is the end: then the same orders are detached together.
        extend(client, until).await?;
        let ahead = |end: &Month| end.start() > now + AHEAD;
        let months = parts(client, TABLES[0]).await?;
        let end = months.iter().map(|part| part.end).find(ahead);
        let end = end.unwrap_or_else(|| Month::of(now).next().next());
        Ok(Some(Self { tables, end }))
    }

    /// Those that are to be converted.
    pub(super) fn tables(&self) -> impl Iterator<Item = Table> {
        self.tables.iter().copied()
    }

    /// Looks at every row of every table, before anything is changed that cannot be left like that.
    pub(super) async fn prepare(&self, client: &mut Connection) -> Result<(), PartitionError> {
        let guards: Vec<_> = self.tables().map(|table| self.guard(table)).collect();
        let guards = guards.concat();
        Locks::Orders.make(client, guards.as_str()).await?;
        for table in self.tables() {
            validate(client, table, GUARD).await?;
        }
        Ok(())
    }

    fn guard(&self, Table { name, key }: Table) -> String {
        let end = self.end.first_id();
        format!(
            "alter table {name} drop constraint if exists {GUARD};
             alter table {name} add constraint {GUARD} check ({key} < '{end}') not valid;"
        )
    }

    /// Puts a new table in the place of one that becomes its part. Takes no longer the longer the table is.
    pub(super) async fn convert(
        &self,
        client: &mut Connection,
        table: Table,
    ) -> Result<(), PartitionError> {
        if table != TABLES[0] {
            // By another run, perhaps, which was interrupted: a table that has partitions cannot do without.
            validate(client, table, &of_order(table)).await?;
        }
        let swap = Swap {
            table,
            end: self.end,
        };
        Locks::References.make(client, swap).await
    }
}

/// A new table takes the place of one that becomes its part, for everything before a month.
struct Swap {
    table: Table,
    end: Month,
}

impl Prepare for Swap {
    type Found = ();

    async fn prepare(&self, client: &Client) -> Result<(String, ()), PartitionError> {
        let Table { name, key } = self.table;
        let row = statements::query_one(client, IS_GUARDED, &[&name, &GUARD]).await?;
        if !column::<bool>(&row, "is_guarded")? {
            // By somebody who took our turn: without it, everybody would wait while every row is looked at.
            return Err(PartitionError::Busy);
        }
        let before = format!("{name}_before_{}", self.end);
        let referring = if self.table == TABLES[0] {
            &TABLES[1..]
        } else {
            &[]
        };
        let mut swap = Vec::new();
        for referring in referring {
            let constraint = of_order(*referring);
            swap.push(format!(
                "alter table {} drop constraint {constraint}",
                referring.name
            ));
        }
        swap.extend(statements_of(client, RENAMES, &[name, &before]).await?);
        swap.push(format!(
            "create table {name} (like {before} including defaults including storage including compression \
             including comments) partition by range ({key})"
        ));
        swap.extend(statements_of(client, DEFINITION, &[name, GUARD]).await?);
        swap.push(format!(
            "alter table {name} attach partition {before} for values from (minvalue) to ('{}')",
            self.end.first_id()
        ));
        swap.push(format!("alter table {before} drop constraint {GUARD}"));
        for referring in referring {
            swap.push(format!(
                "alter table {} add constraint {} foreign key (order_id) references {name} (id) not valid",
                referring.name,
                of_order(*referring)
            ));
        }
        Ok((swap.join(";\n"), ()))
    }
}

/// Looks at every row; they may be read and written meanwhile.
async fn validate(
    client: &mut Connection,
    Table { name, .. }: Table,
    constraint: &str,
) -> Result<(), PartitionError> {
    let validate = format!("alter table {name} validate constraint {constraint}");
    Locks::None.make(client, validate.as_str()).await
}

/// The name of the constraint by which a table refers to orders.
fn of_order(Table { name, .. }: Table) -> String {
    format!("{name}_order_id_fkey")
}

/// What a table is, as statements that make another one of its name the same. They are read before it is
/// renamed, for those of constraints and indexes name it.
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

/// Renames a table and its indexes.
const RENAMES: &str = "
    select format('alter index %I rename to %I', relname, left(case
        when starts_with(relname, $1) then $2 || substr(relname, length($1) + 1)
        else $2 || '_' || relname
    end, 63)) as statement
    from pg_index
    join pg_class on pg_class.oid = indexrelid
    where indrelid = to_regclass($1)
    union all
    select format('alter table %I rename to %I', $1, $2)";

async fn statements_of(
    client: &Client,
    query: &str,
    [one, other]: &[&str; 2],
) -> Result<Vec<String>, PartitionError> {
    let rows = statements::query(client, query, &[one, other]).await?;
    let statements = rows.iter().map(|row| Ok(column(row, "statement")?));
    statements.collect()
}

/// What would stay with the first partition, and is not ours: to make it anew is for whoever made it. And what no
/// table with partitions can have.
const OBSTACLES: &str = "
    with ours as (
        select oid from pg_class where oid = any(array(select to_regclass(name) from unnest($1::text[]) as name))
    ),
    referring as (
        select unnest(array['orders', 'itens_order', 'order_history'])::regclass as oid
    )
    select distinct what
    from (
        select format('the view %s', ev_class::regclass) as what
        from pg_depend
        join pg_rewrite on pg_rewrite.oid = objid
        where classid = 'pg_rewrite'::regclass and refclassid = 'pg_class'::regclass
          and refobjid in (select oid from ours) and ev_class not in (select oid from ours)
        union all
        select format('the rule %I of %s', rulename, ev_class::regclass)
        from pg_rewrite where ev_class in (select oid from ours)
        union all
        select format('the trigger %I of %s', tgname, tgrelid::regclass)
        from pg_trigger where tgrelid in (select oid from ours) and not tgisinternal
        union all
        select format('the policy %I of %s', polname, polrelid::regclass)
        from pg_policy where polrelid in (select oid from ours)
        union all
        select format('the publication %I of %s', pubname, prrelid::regclass)
        from pg_publication_rel
        join pg_publication on pg_publication.oid = prpubid
        where prrelid in (select oid from ours)
        union all
        select format('the statistics %I of %s', stxname, stxrelid::regclass)
        from pg_statistic_ext where stxrelid in (select oid from ours)
        union all
        select format('the privileges of the column %I of %s', attname, attrelid::regclass)
        from pg_attribute where attrelid in (select oid from ours) and attacl is not null
        union all
        select format('the identity or generation of the column %I of %s', attname, attrelid::regclass)
        from pg_attribute
        where attrelid in (select oid from ours) and (attidentity <> '' or attgenerated <> '')
        union all
        select format('the foreign key %I of %s', conname, conrelid::regclass)
        from pg_constraint
        where contype = 'f' and conparentid = 0 and confrelid in (select oid from ours)
          and conrelid not in (select oid from referring)
        union all
        select format('the constraint %I of %s', conname, conrelid::regclass)
        from pg_constraint
        where conrelid in (select oid from ours) and conparentid = 0 and conname <> $2
          and (contype in ('x', 't') or connoinherit and contype = 'c'
               or not convalidated and confrelid is distinct from to_regclass('orders'))
        union all
        select format('the unique index %s', indexrelid::regclass)
        from pg_index
        join pg_attribute on attrelid = indrelid
          and attname = case indrelid when to_regclass('orders') then 'id' else 'order_id' end
        where indrelid in (select oid from ours) and indisunique and attnum <> all(indkey[0:indnkeyatts - 1])
    ) as obstacles
    order by what";

async fn obstacles(client: &Client, tables: &[Table]) -> Result<Vec<String>, PartitionError> {
    let names: Vec<&str> = tables.iter().map(|table| table.name).collect();
    let rows = statements::query(client, OBSTACLES, &[&names, &GUARD]).await?;
    rows.iter().map(|row| Ok(column(row, "what")?)).collect()
}
