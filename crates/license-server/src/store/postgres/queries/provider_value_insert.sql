INSERT INTO provider_values (tenant, digest, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (tenant, digest) DO NOTHING
