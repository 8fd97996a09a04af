DELETE FROM telemetry_installations WHERE tenant = ?1 AND installation IN (
  SELECT installation FROM telemetry_installations
  WHERE tenant = ?1 AND is_deleted = 0 LIMIT 10000)
