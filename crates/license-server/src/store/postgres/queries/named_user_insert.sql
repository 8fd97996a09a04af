INSERT INTO named_users (tenant, pool, id, email, assigned_at, assigned_by, since_lease)
VALUES ($1, $2, $3, $4, $5, $6, $7)
