UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, queued_at = $4, next_at = $4
WHERE tenant = $1 AND webhook = $2 AND id = $3 AND state <> 'waiting'
