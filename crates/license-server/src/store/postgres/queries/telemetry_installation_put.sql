INSERT INTO telemetry_installations (tenant, installation, commitment, last_day)
VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, installation) DO UPDATE
SET last_day = greatest(telemetry_installations.last_day, excluded.last_day)
