INSERT INTO tenants (tenant, content_version) VALUES ($1, 1)
ON CONFLICT (tenant) DO UPDATE SET content_version = tenants.content_version + 1
