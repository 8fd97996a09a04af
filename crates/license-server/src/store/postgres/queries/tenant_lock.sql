INSERT INTO tenants (tenant) VALUES ($1)
ON CONFLICT (tenant) DO UPDATE SET content_version = tenants.content_version
