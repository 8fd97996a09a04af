DELETE FROM telemetry_events WHERE tenant = $1 AND installation = $2
