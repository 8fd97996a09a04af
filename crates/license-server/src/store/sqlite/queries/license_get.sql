SELECT number, id, pool, key, product, customer, token, installed_at
FROM licenses WHERE tenant = ?1 AND id = ?2
