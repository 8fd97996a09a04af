UPDATE webhook_deliveries SET attempts = attempts + 1, next_at = ?4
WHERE tenant = ?1 AND webhook = ?2 AND id = ?3
RETURNING event IS NULL, body, attempts, queued_at
