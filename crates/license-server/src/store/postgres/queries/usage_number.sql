INSERT INTO tenants (tenant, last_usage) VALUES ($1, 1)
ON CONFLICT (tenant) DO UPDATE SET last_usage = tenants.last_usage + 1
RETURNING last_usage
