INSERT INTO licenses
  (tenant, number, id, pool, key, short_key, product, customer, token, installed_at, indexed)
SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1
FROM licenses WHERE tenant = ?1
