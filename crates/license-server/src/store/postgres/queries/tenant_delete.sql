INSERT INTO deleted_tenants (id, deleted_at) VALUES ($1, $2)
ON CONFLICT (id) DO NOTHING
