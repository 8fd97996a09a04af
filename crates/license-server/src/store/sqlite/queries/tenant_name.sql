INSERT INTO tenants (tenant, name) VALUES (?1, ?2)
ON CONFLICT (tenant) DO UPDATE SET name = excluded.name
