INSERT INTO members (tenant, account, role, joined_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, account) DO NOTHING
