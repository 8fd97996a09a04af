DELETE FROM telemetry_events WHERE tenant = $1 AND id IN (
  SELECT id FROM telemetry_events WHERE tenant = $1 LIMIT 10000)
