INSERT INTO seat_denials (tenant, pool, hour, code, count)
SELECT $1, added.*
FROM unnest($2::text[], $3::bigint[], $4::text[], $5::bigint[]) AS added
WHERE NOT EXISTS (SELECT 1 FROM deleted_tenants WHERE id = $1)
ON CONFLICT (tenant, pool, hour, code) DO UPDATE SET count = seat_denials.count + excluded.count
