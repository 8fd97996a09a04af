UPDATE webhook_deliveries
SET state = ?5, next_at = ?6, last_at = ?7, last_status = ?8, last_error = ?9, last_response = ?10
WHERE tenant = ?1 AND webhook = ?2 AND id = ?3 AND attempts = ?4 AND state = 'waiting'
