SELECT commitment, is_deleted FROM telemetry_installations WHERE tenant = $1 AND installation = $2
