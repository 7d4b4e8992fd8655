select format('%s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
from pg_constraint
where connamespace = current_schema()::regnamespace and contype in ('c', 'f', 'p', 'u', 'x') and conparentid = 0
    and conrelid::regclass::text <> 'refinery_schema_history'
union
select format('%s.%s UNIQUE INDEX %s', indrelid::regclass, indexrelid::regclass,
              substring(pg_get_indexdef(indexrelid) from 'USING .*'))
from pg_index
join pg_class on pg_class.oid = indexrelid
where indisunique and relnamespace = current_schema()::regnamespace
    and not exists (select from pg_constraint where conindid = indexrelid)
order by 1;
