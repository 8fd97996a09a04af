-- The columns, keys and indexes, one a line, with the names of types in PostgreSQL.
SELECT t.name || ': column ' || c.name || ' '
  || CASE lower(c.type) WHEN 'integer' THEN 'bigint' WHEN 'blob' THEN 'bytea' ELSE lower(c.type) END
  || iif(c."notnull", ' not null', '')
FROM sqlite_schema t, pragma_table_info(t.name) c
WHERE t.type = 'table'
UNION ALL
SELECT t.name || ': primary key (' || group_concat(c.name, ', ' ORDER BY c.pk) || ')'
FROM sqlite_schema t, pragma_table_info(t.name) c
WHERE t.type = 'table' AND c.pk > 0
GROUP BY t.name
UNION ALL
SELECT t.name || iif(i."unique", ': unique (', ': index (') || group_concat(c.name, ', ' ORDER BY c.seqno) || ')'
FROM sqlite_schema t, pragma_index_list(t.name) i, pragma_index_info(i.name) c
WHERE t.type = 'table' AND i.origin <> 'pk'
GROUP BY t.name, i.name
UNION ALL
SELECT t.name || ': foreign key (' || group_concat(f."from", ', ' ORDER BY f.seq) || ') references '
  || f."table" || ' (' || group_concat(f."to", ', ' ORDER BY f.seq) || ') on delete ' || lower(f.on_delete)
FROM sqlite_schema t, pragma_foreign_key_list(t.name) f
WHERE t.type = 'table'
GROUP BY t.name, f.id
