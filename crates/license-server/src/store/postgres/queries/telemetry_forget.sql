DELETE FROM telemetry_events WHERE tenant = $1 AND id IN (
  SELECT id FROM telemetry_events WHERE tenant = $1 AND day < $2 ORDER BY day LIMIT 10000)
