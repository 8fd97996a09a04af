INSERT INTO superseded_licenses (tenant, license, successor) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING
