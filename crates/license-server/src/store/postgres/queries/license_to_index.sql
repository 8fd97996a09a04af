SELECT number, id, pool, key, short_key, product, customer, token, installed_at,
  ARRAY(SELECT license FROM superseded_licenses AS replaced
    WHERE replaced.tenant = licenses.tenant AND replaced.successor = licenses.id
    ORDER BY license),
  EXISTS (SELECT 1 FROM superseded_licenses AS replaced
    WHERE replaced.tenant = licenses.tenant AND replaced.license = licenses.id)
FROM licenses WHERE tenant = $1 AND indexed = 0 ORDER BY number LIMIT $2
