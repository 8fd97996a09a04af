INSERT INTO telemetry_events (tenant, id, installation, day, event) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (tenant, id) DO NOTHING
