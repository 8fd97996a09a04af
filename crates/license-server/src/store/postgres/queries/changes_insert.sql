INSERT INTO pool_changes (tenant, pool, version, changes) VALUES ($1, $2, $3, $4)
