INSERT INTO seat_policies (tenant, pool, policy) VALUES ($1, $2, $3)
ON CONFLICT (tenant, pool) DO UPDATE SET policy = excluded.policy
