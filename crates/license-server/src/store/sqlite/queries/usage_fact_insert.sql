INSERT INTO usage_facts
  (tenant, license, kind, source, name, customer, day, quantity, digest, is_counted)
SELECT ?1, ?2, ?3, ?4, ?5, pool, ?6, ?7, ?8, ?9 FROM licenses WHERE tenant = ?1 AND id = ?2
ON CONFLICT (tenant, license, kind, source, name) DO NOTHING
RETURNING customer
