INSERT INTO tenants (tenant, had_license) VALUES ($1, 1)
ON CONFLICT (tenant) DO UPDATE SET had_license = 1
