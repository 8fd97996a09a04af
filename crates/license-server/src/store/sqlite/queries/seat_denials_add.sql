INSERT INTO seat_denials (tenant, pool, hour, code, count)
SELECT ?1, ?2, ?3, ?4, ?5
WHERE NOT EXISTS (SELECT 1 FROM deleted_tenants WHERE id = ?1)
ON CONFLICT (tenant, pool, hour, code) DO UPDATE SET count = count + excluded.count
