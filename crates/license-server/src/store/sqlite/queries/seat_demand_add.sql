INSERT INTO seat_demand (tenant, pool, day, level, granted, queued, denied)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
WHERE NOT EXISTS (SELECT 1 FROM deleted_tenants WHERE id = ?1)
ON CONFLICT (tenant, pool, day, level) DO UPDATE
SET granted = granted + excluded.granted,
    queued = queued + excluded.queued,
    denied = denied + excluded.denied
