UPDATE webhook_deliveries
SET state = 'failed', next_at = NULL, last_at = ?3, last_error = ?4
WHERE tenant = ?1 AND webhook = ?2 AND state = 'waiting'
