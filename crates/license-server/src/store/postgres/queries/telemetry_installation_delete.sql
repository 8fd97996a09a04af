UPDATE telemetry_installations SET is_deleted = 1 WHERE tenant = $1 AND installation = $2
