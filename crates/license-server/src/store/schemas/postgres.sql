-- The columns, keys and indexes, one a line.
WITH tables AS (
  SELECT oid, relname AS name FROM pg_class
  WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
)
SELECT t.name || ': column ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
  || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT t.name
  || CASE WHEN i.indisprimary THEN ': primary key (' WHEN i.indisunique THEN ': unique (' ELSE ': index (' END
  || string_agg(a.attname, ', ' ORDER BY k.place) || ')'
FROM tables t JOIN pg_index i ON i.indrelid = t.oid,
  unnest(i.indkey::smallint[]) WITH ORDINALITY k (number, place),
  pg_attribute a
WHERE a.attrelid = t.oid AND a.attnum = k.number
GROUP BY t.name, i.indexrelid, i.indisprimary, i.indisunique
UNION ALL
SELECT t.name || ': foreign key (' || string_agg(a.attname, ', ' ORDER BY k.place) || ') references '
  || f.confrelid::regclass || ' (' || string_agg(b.attname, ', ' ORDER BY k.place) || ') on delete '
  || CASE f.confdeltype WHEN 'c' THEN 'cascade' WHEN 'a' THEN 'no action' ELSE f.confdeltype::text END
FROM tables t JOIN pg_constraint f ON f.conrelid = t.oid AND f.contype = 'f',
  unnest(f.conkey, f.confkey) WITH ORDINALITY k (number, target, place),
  pg_attribute a, pg_attribute b
WHERE a.attrelid = f.conrelid AND a.attnum = k.number AND b.attrelid = f.confrelid AND b.attnum = k.target
GROUP BY t.name, f.oid, f.confrelid, f.confdeltype
