SELECT number, id, pool, key, short_key, product, customer, token, installed_at,
  (SELECT json_group_array(license) FROM superseded_licenses AS replaced
   WHERE replaced.tenant = licenses.tenant AND replaced.successor = licenses.id),
  EXISTS (SELECT 1 FROM superseded_licenses AS replaced
   WHERE replaced.tenant = licenses.tenant AND replaced.license = licenses.id)
FROM licenses WHERE tenant = ?1 AND indexed = 0 ORDER BY number LIMIT ?2
