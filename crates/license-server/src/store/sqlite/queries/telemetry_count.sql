SELECT count(*) FROM telemetry_events WHERE tenant = ?1
