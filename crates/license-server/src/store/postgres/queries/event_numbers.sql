INSERT INTO tenants (tenant, last_event) VALUES ($1, $2)
ON CONFLICT (tenant) DO UPDATE SET last_event = tenants.last_event + $2
RETURNING last_event
