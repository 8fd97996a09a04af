SELECT id, event, kind, state, attempts, queued_at, next_at, last_at, last_status, last_error,
  last_response
FROM webhook_deliveries
WHERE tenant = ?1 AND webhook = ?2 AND (?3 = '' OR id < ?3) AND (?4 = '' OR state = ?4)
ORDER BY id DESC LIMIT ?5
