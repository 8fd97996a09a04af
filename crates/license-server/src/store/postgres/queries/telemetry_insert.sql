INSERT INTO telemetry_events (tenant, id, installation, day, event)
SELECT $1, id, $2, day, event
FROM unnest($3::text[], $4::text[], $5::text[]) AS new (id, day, event)
ON CONFLICT (tenant, id) DO NOTHING
