SELECT number, id, pool, key, short_key, product, customer, token, installed_at,
  (SELECT json_group_array(license) FROM superseded_licenses AS replaced
   WHERE replaced.tenant = licenses.tenant AND replaced.successor = licenses.id),
  EXISTS (SELECT 1 FROM superseded_licenses AS replaced
   WHERE replaced.tenant = licenses.tenant AND replaced.license = licenses.id)
FROM licenses WHERE rowid IN (
  SELECT rowid FROM licenses WHERE tenant = ?1 AND key = ?2
  UNION ALL
  SELECT rowid FROM licenses WHERE tenant = ?1 AND short_key = ?2)
-- The sign keeps SQLite from reading all licenses in the order of their numbers.
ORDER BY +number
