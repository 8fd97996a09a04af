SELECT number, id, pool, key, product, customer, token, installed_at
FROM licenses WHERE tenant = ?1 AND number > ?2 ORDER BY number LIMIT ?3
