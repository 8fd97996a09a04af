INSERT INTO seat_demand (tenant, pool, day, level, granted, queued, denied)
SELECT $1, added.*
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) AS added
WHERE NOT EXISTS (SELECT 1 FROM deleted_tenants WHERE id = $1)
ON CONFLICT (tenant, pool, day, level) DO UPDATE
SET granted = seat_demand.granted + excluded.granted,
    queued = seat_demand.queued + excluded.queued,
    denied = seat_demand.denied + excluded.denied
