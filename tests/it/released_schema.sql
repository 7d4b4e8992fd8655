select format('%s.%s %s%s', table_name, column_name, data_type,
              case is_nullable when 'NO' then ' not null' else '' end)
from information_schema.columns
where table_schema = current_schema() and table_name <> 'refinery_schema_history'
order by 1;
