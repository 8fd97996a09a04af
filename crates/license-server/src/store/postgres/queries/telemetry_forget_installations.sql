DELETE FROM telemetry_installations WHERE tenant = $1 AND installation IN (
  SELECT installation FROM telemetry_installations
  WHERE tenant = $1 AND last_day < $2 ORDER BY last_day LIMIT 10000)
