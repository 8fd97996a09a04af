INSERT INTO tenants (tenant, last_event) VALUES (?1, 1)
ON CONFLICT (tenant) DO UPDATE SET last_event = last_event + 1
RETURNING last_event
