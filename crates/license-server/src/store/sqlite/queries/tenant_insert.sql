INSERT INTO tenants (tenant) VALUES (?1) ON CONFLICT (tenant) DO NOTHING
